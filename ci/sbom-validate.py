"""Validates the documents of builds, SCHEMA DIRECTORY..., by what others made for it."""

import json
import pathlib
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.v1.statement import Statement, spb
from jsonschema import Draft7Validator, FormatChecker
from packageurl import PackageURL
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document


def spdx(path, schema):
    document = json.loads(path.read_text())
    yield from (it.message for it in Draft7Validator(schema, format_checker=FormatChecker()).iter_errors(document))
    yield from (it.validation_message for it in validate_full_spdx_document(parse_file(str(path)), "SPDX-2.3"))
    references = (it for package in document["packages"] for it in package.get("externalRefs", []))
    yield from package_urls(it["referenceLocator"] for it in references)


def cyclonedx(path, _):
    text = path.read_text()
    yield from map(repr, JsonStrictValidator(SchemaVersion.V1_6).validate_str(text, all_errors=True) or [])
    yield from package_urls(it["purl"] for it in json.loads(text)["components"] if "purl" in it)


def package_urls(urls):
    """Read and written again, each is what it was. Two habits of packageurl aside: `/` for `%2F`, and `%2b` in some names."""
    again = {url: PackageURL.from_string(url).to_string() for url in urls}
    return [f"{url} is {it}" for url, it in again.items() if it.lower() != url.lower().replace("%2f", "/")]


def provenance(path, _):
    statement = json_format.Parse(path.read_text(), spb.Statement())
    Statement.copy_from_pb(statement).validate()
    json_format.ParseDict(json_format.MessageToDict(statement.predicate), provenance_pb2.Provenance())
    return []


VALIDATORS = {"sbom.spdx.json": spdx, "sbom.cdx.json": cyclonedx, "provenance.json": provenance}


def problems(path, schema):
    try:
        return list(VALIDATORS[path.name](path, json.loads(pathlib.Path(schema).read_text())))
    except Exception as e:  # how parsers say no
        return [f"{type(e).__name__}: {e}"]


if __name__ == "__main__":
    schema, *directories = sys.argv[1:]
    paths = [pathlib.Path(directory) / name for directory in directories for name in VALIDATORS]
    found = [f"{path}: {it}" for path in paths for it in problems(path, schema)]
    print(f"{len(paths)} documents, {len(found)} problems")
    sys.exit("\n".join(found) or 0)
