//! A lock as text: TOML, with one line for each thing a reviewer may want to see change.

use super::{Lock, Locked, LockedFile, LockedLayer, LockedOci, LockedPackage, LockedRelease, SCHEMA, Shape};

const HEAD: &str = "\
# What the sources of a profile were, made by `coco-initrd lock`. A build takes only this.
# Review a change of it, and make another with `lock`; it is not for editing.
";

pub(super) fn render(lock: &Lock) -> String {
    let head = format!("{HEAD}schema = {SCHEMA}\nprofile-sha256 = \"{}\"\n", lock.profile);
    let inputs = lock.inputs.iter().map(|(role, input)| {
        let name = role.name();
        let locked = match &input.locked {
            Locked::Url(file) => format!("url = {{ {} }}\n", file_keys(file)),
            Locked::Oci(oci) => oci_table(name, oci),
            Locked::Deb(deb) => {
                let (releases, packages) = (list(&deb.releases, release), list(&deb.packages, package));
                format!("\n[inputs.{name}.deb]\nreleases = {releases}packages = {packages}")
            }
            Locked::Rpm(packages) => {
                format!("\n[inputs.{name}.rpm]\npackages = {}", list(packages, package))
            }
        };
        format!("\n[inputs.{name}]\nsource-sha256 = \"{}\"\n{locked}", input.source)
    });
    std::iter::once(head).chain(inputs).collect()
}

fn oci_table(name: &str, oci: &LockedOci) -> String {
    let shape = match oci.shape {
        Shape::Image => "image",
        Shape::Artefact => "artefact",
    };
    format!(
        "\n[inputs.{name}.oci]\nreference = {}\nshape = \"{shape}\"\nsize = {}\nsha256 = \"{}\"\nlayers = {}",
        quoted(&oci.reference),
        oci.manifest.size,
        oci.manifest.sha256,
        list(&oci.layers, layer)
    )
}

fn layer(layer: &LockedLayer) -> String {
    let title = layer.title.as_ref().map(|title| format!("title = {}, ", quoted(title))).unwrap_or_default();
    let media_type = quoted(&layer.media_type);
    let (size, sha256) = (layer.content.size, layer.content.sha256);
    format!("{title}media-type = {media_type}, size = {size}, sha256 = \"{sha256}\"")
}

fn release(release: &LockedRelease) -> String {
    format!(
        "suite = {}, date = {}, sha256 = \"{}\", key = {}, url = {}",
        quoted(&release.suite),
        quoted(&release.date),
        release.sha256,
        quoted(&release.key),
        quoted(release.url.as_str()),
    )
}

fn package(package: &LockedPackage) -> String {
    let (name, version, arch) = (&package.name, &package.version, &package.arch);
    format!(
        "name = {}, version = {}, arch = {}, {}",
        quoted(name),
        quoted(version),
        quoted(arch),
        file_keys(&package.file)
    )
}

fn file_keys(file: &LockedFile) -> String {
    format!("size = {}, sha256 = \"{}\", url = {}", file.size, file.sha256, quoted(file.url.as_str()))
}

/// A list with one line an element.
fn list<T>(elements: &[T], keys: impl Fn(&T) -> String) -> String {
    let lines: Vec<String> = elements.iter().map(|element| format!("  {{ {} }},\n", keys(element))).collect();
    format!("[\n{}]\n", lines.concat())
}

/// A text as TOML has it.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}
