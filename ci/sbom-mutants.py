"""Breaks each document of a build in several ways, SCHEMA DIRECTORY, and sees that the validators notice all of them."""

import importlib
import json
import pathlib
import sys
import tempfile

validate = importlib.import_module("sbom-validate")

# (file, the keys that lead to a value, what it becomes; None takes it away)
MUTANTS = [
    ("sbom.spdx.json", ["spdxVersion"], "SPDX-9.9"),
    ("sbom.spdx.json", ["documentNamespace"], "no address"),
    ("sbom.spdx.json", ["creationInfo", "created"], "yesterday"),
    ("sbom.spdx.json", ["creationInfo", "creators", 0], "coco-initrd"),
    ("sbom.spdx.json", ["packages", 0, "SPDXID"], "SPDXRef-a_b"),
    ("sbom.spdx.json", ["packages", 0, "SPDXID"], "SPDXRef-os-debian-13"),
    ("sbom.spdx.json", ["packages", 0, "checksums", 0, "checksumValue"], "abc"),
    ("sbom.spdx.json", ["packages", 0, "licenseDeclared"], "LicenseRef-of-nothing"),
    ("sbom.spdx.json", ["packages", 0, "downloadLocation"], None),
    ("sbom.spdx.json", ["packages", 0, "primaryPackagePurpose"], "INITRD"),
    ("sbom.spdx.json", ["packages", 3, "externalRefs", 0, "referenceLocator"], "pkg:deb/debian/a+b@1?distro=d&arch=a"),
    ("sbom.spdx.json", ["relationships", 0, "relatedSpdxElement"], "SPDXRef-nobody"),
    ("sbom.spdx.json", ["relationships", 0, "relationshipType"], "KNOWS"),
    ("sbom.spdx.json", ["hasExtractedLicensingInfos", 0, "extractedText"], None),
    ("sbom.cdx.json", ["bomFormat"], "SPDX"),
    ("sbom.cdx.json", ["serialNumber"], "urn:uuid:0"),
    ("sbom.cdx.json", ["metadata", "timestamp"], "yesterday"),
    ("sbom.cdx.json", ["metadata", "component", "type"], "initrd"),
    ("sbom.cdx.json", ["metadata", "component", "hashes", 0, "content"], "abc"),
    ("sbom.cdx.json", ["components", 2, "name"], None),
    ("sbom.cdx.json", ["components", 2, "note"], "no such key"),
    ("sbom.cdx.json", ["components", 2, "licenses"], [{"license": {"id": "Mine"}}]),
    ("sbom.cdx.json", ["components", 2, "purl"], "debian/a"),
    ("sbom.cdx.json", ["compositions", 0, "aggregate"], "all"),
    ("provenance.json", ["_type"], "https://in-toto.io/Statement/v0"),
    ("provenance.json", ["subject"], []),
    ("provenance.json", ["subject", 0, "digest"], {}),
    ("provenance.json", ["predicateType"], None),
    ("provenance.json", ["predicate", "startedOn"], "no such key"),
    ("provenance.json", ["predicate", "runDetails", "builder", "id"], 1),
    ("provenance.json", ["predicate", "buildDefinition", "resolvedDependencies", 0, "sha256"], "no such key"),
]

schema, directory = sys.argv[1:]
for name, keys, value in MUTANTS:
    document = inner = json.loads((pathlib.Path(directory) / name).read_text())
    for key in keys[:-1]:
        inner = inner[key]
    if value is None:
        del inner[keys[-1]]
    else:
        inner[keys[-1]] = value
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / name
        path.write_text(json.dumps(document))
        if not validate.problems(path, schema):
            sys.exit(f"sbom: {name} with {keys} {value!r} is found valid")
print(f"{len(MUTANTS)} broken documents are found invalid")
