//! Generates the messages and stubs from `proto/`, with the JSON form in which a policy sees them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, io};

use fs_err as fs;
use protobuf::descriptor::field_descriptor_proto::Type;
use protobuf::reflect::{EnumDescriptor, FieldDescriptor, MessageDescriptor, OneofDescriptor};
use ttrpc_codegen::{Codegen, Customize, ProtobufCustomize, ProtobufCustomizeCallback};

/// Files of messages, and the files of stubs made from those that have a service.
const MESSAGES: [&str; 4] = ["agent", "health", "oci", "types"];
const STUBS: [&str; 2] = ["agent_ttrpc", "health_ttrpc"];

/// Generated code keeps its own style.
const UNCHECKED: &str = "#[allow(clippy::allow_attributes, clippy::all, clippy::pedantic, clippy::restriction, \
                         missing_debug_implementations, missing_docs, rustdoc::all, reason = \"generated\")]";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=proto");
    let out = out_dir()?;
    Codegen::new()
        .out_dir(&out)
        .include("proto")
        .inputs(MESSAGES.map(|file| format!("proto/{file}.proto")))
        .customize(Customize::default())
        .rust_protobuf()
        .rust_protobuf_customize(ProtobufCustomize::default().gen_mod_rs(false))
        .rust_protobuf_customize_callback(AsJson)
        .run()?;
    write_modules(&out)
}

#[expect(clippy::disallowed_methods, reason = "cargo speaks to build scripts through the environment")]
fn out_dir() -> io::Result<PathBuf> {
    env::var_os("OUT_DIR").map(PathBuf::from).ok_or_else(|| io::Error::other("OUT_DIR is not set"))
}

/// Names the generated files to the compiler, and lets the workspace forbid unsafe code: there is none in
/// them, but each begins with leave for it.
fn write_modules(out: &Path) -> io::Result<()> {
    let mut modules = String::new();
    for name in MESSAGES.iter().chain(&STUBS) {
        let file = out.join(format!("{name}.rs"));
        let text = fs::read_to_string(&file)?;
        fs::write(&file, text.replace("#![allow(unsafe_code)]\n", ""))?;
        let _ = writeln!(modules, "{UNCHECKED}\npub mod {name};");
    }
    fs::write(out.join("modules.rs"), modules)
}

/// Makes every message serialisable. The rules for what serde can't know are in `src/json.rs`.
struct AsJson;

impl AsJson {
    fn derive() -> ProtobufCustomize {
        ProtobufCustomize::default().before("#[derive(::serde::Serialize)]")
    }
}

impl ProtobufCustomizeCallback for AsJson {
    fn message(&self, _: &MessageDescriptor) -> ProtobufCustomize {
        AsJson::derive()
    }

    fn enumeration(&self, _: &EnumDescriptor) -> ProtobufCustomize {
        AsJson::derive()
    }

    fn oneof(&self, _: &OneofDescriptor) -> ProtobufCustomize {
        AsJson::derive()
    }

    fn field(&self, field: &FieldDescriptor) -> ProtobufCustomize {
        let rule = match field.proto().type_() {
            Type::TYPE_ENUM => "#[serde(serialize_with = \"crate::json::number\")]",
            Type::TYPE_MESSAGE if field.is_singular() => {
                "#[serde(serialize_with = \"crate::json::or_null\")]"
            }
            _ => return ProtobufCustomize::default(),
        };
        ProtobufCustomize::default().before(rule)
    }

    fn special_field(&self, _: &MessageDescriptor, _: &str) -> ProtobufCustomize {
        ProtobufCustomize::default().before("#[serde(skip)]")
    }
}
