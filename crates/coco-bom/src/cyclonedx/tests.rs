//! Whole documents.

use expect_test::expect;

use super::*;
use crate::sample;

#[test]
#[expect(clippy::too_many_lines, reason = "a whole document")]
fn a_document_has_image_distribution_and_items() {
    expect![[r#"
        {
          "bomFormat": "CycloneDX",
          "specVersion": "1.6",
          "serialNumber": "urn:uuid:1b59c933-2e85-8adc-a595-3ff86439f619",
          "version": 1,
          "metadata": {
            "timestamp": "2026-11-29T17:41:18Z",
            "lifecycles": [
              {
                "phase": "build"
              }
            ],
            "tools": {
              "components": [
                {
                  "type": "application",
                  "bom-ref": "tool",
                  "name": "coco-initrd",
                  "version": "0.1.0"
                }
              ]
            },
            "component": {
              "type": "file",
              "bom-ref": "image",
              "name": "coco-initrd-tdx.img",
              "version": "sha256:1111111111111111111111111111111111111111111111111111111111111111",
              "hashes": [
                {
                  "alg": "SHA-256",
                  "content": "1111111111111111111111111111111111111111111111111111111111111111"
                },
                {
                  "alg": "SHA-384",
                  "content": "222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222"
                }
              ],
              "properties": [
                {
                  "name": "coco-initrd:size",
                  "value": "1000"
                }
              ]
            }
          },
          "components": [
            {
              "type": "operating-system",
              "bom-ref": "os-debian-13",
              "name": "debian",
              "version": "13"
            },
            {
              "type": "application",
              "bom-ref": "file-agent-3.29",
              "name": "agent",
              "version": "3.29",
              "hashes": [
                {
                  "alg": "SHA-256",
                  "content": "abababababababababababababababababababababababababababababababab"
                }
              ],
              "licenses": [
                {
                  "expression": "Apache-2.0",
                  "acknowledgement": "declared"
                }
              ],
              "properties": [
                {
                  "name": "coco-initrd:size",
                  "value": "100"
                }
              ]
            },
            {
              "type": "library",
              "bom-ref": "deb-libc6-2.41-12",
              "supplier": {
                "name": "Debian"
              },
              "name": "libc6",
              "version": "2.41-12",
              "hashes": [
                {
                  "alg": "SHA-256",
                  "content": "abababababababababababababababababababababababababababababababab"
                }
              ],
              "licenses": [
                {
                  "license": {
                    "name": "LicenseRef-b10a3e7c48549069fcf63a231175da6613140e3bb864150afc167034d82fa321",
                    "acknowledgement": "declared",
                    "text": {
                      "contentType": "text/plain",
                      "content": "Copyright 1991-2025\nMay be copied.\n"
                    }
                  }
                }
              ],
              "purl": "pkg:deb/debian/libc6@2.41-12?arch=amd64&distro=debian-13&upstream=glibc",
              "externalReferences": [
                {
                  "type": "distribution",
                  "url": "https://example.org/pool/libc6_2.41-12_amd64.deb"
                },
                {
                  "type": "website",
                  "url": "https://example.org/libc/"
                }
              ],
              "properties": [
                {
                  "name": "coco-initrd:size",
                  "value": "100"
                },
                {
                  "name": "coco-initrd:image:files",
                  "value": "3"
                },
                {
                  "name": "coco-initrd:image:bytes",
                  "value": "5000"
                },
                {
                  "name": "coco-initrd:source:name",
                  "value": "glibc"
                },
                {
                  "name": "coco-initrd:source:version",
                  "value": "2.41-12"
                }
              ]
            },
            {
              "type": "container",
              "bom-ref": "oci-pause-image",
              "name": "pause-image",
              "hashes": [
                {
                  "alg": "SHA-256",
                  "content": "abababababababababababababababababababababababababababababababab"
                }
              ],
              "licenses": [
                {
                  "license": {
                    "name": "Apache License, see LICENSE",
                    "acknowledgement": "declared"
                  }
                }
              ],
              "purl": "pkg:oci/pause@sha256:abababababababababababababababababababababababababababababababab?repository_url=registry.example.org%2Fpause",
              "properties": [
                {
                  "name": "coco-initrd:size",
                  "value": "100"
                }
              ]
            },
            {
              "type": "file",
              "bom-ref": "file-policy",
              "name": "policy",
              "hashes": [
                {
                  "alg": "SHA-256",
                  "content": "abababababababababababababababababababababababababababababababab"
                }
              ],
              "properties": [
                {
                  "name": "coco-initrd:size",
                  "value": "100"
                }
              ]
            }
          ],
          "dependencies": [
            {
              "ref": "image",
              "dependsOn": [
                "os-debian-13",
                "file-agent-3.29",
                "deb-libc6-2.41-12",
                "oci-pause-image",
                "file-policy"
              ]
            }
          ],
          "compositions": [
            {
              "aggregate": "complete",
              "assemblies": [
                "image"
              ]
            },
            {
              "aggregate": "unknown",
              "assemblies": [
                "os-debian-13",
                "file-agent-3.29",
                "deb-libc6-2.41-12",
                "oci-pause-image",
                "file-policy"
              ],
              "dependencies": [
                "os-debian-13",
                "file-agent-3.29",
                "deb-libc6-2.41-12",
                "oci-pause-image",
                "file-policy"
              ]
            }
          ]
        }
    "#]].assert_eq(&cyclonedx(&sample::bill()));
}

#[test]
fn a_documents_name_is_the_digest_of_its_other_bytes() {
    let written = cyclonedx(&sample::bill());
    let document: serde_json::Value = serde_json::from_str(&written).unwrap();
    let name = document["serialNumber"].as_str().unwrap().strip_prefix("urn:uuid:").unwrap();
    assert_eq!(uuid::of(&written.replace(name, uuid::NIL)), name);
}
