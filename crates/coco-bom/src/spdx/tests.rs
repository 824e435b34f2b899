//! Whole documents, and what no document says.

use expect_test::expect;

use super::*;
use crate::sample;

#[test]
#[expect(clippy::too_many_lines, reason = "a whole document")]
fn a_document_has_image_distribution_items_and_sources() {
    expect![[r#"
        {
          "spdxVersion": "SPDX-2.3",
          "dataLicense": "CC0-1.0",
          "SPDXID": "SPDXRef-DOCUMENT",
          "name": "coco-initrd-tdx.img",
          "documentNamespace": "urn:uuid:798d7120-14d6-8ba2-b80b-43c484d8a2d4",
          "creationInfo": {
            "created": "2026-11-29T17:41:18Z",
            "creators": [
              "Tool: coco-initrd-0.1.0"
            ],
            "licenseListVersion": "3.29"
          },
          "packages": [
            {
              "SPDXID": "SPDXRef-image",
              "name": "coco-initrd-tdx.img",
              "versionInfo": "sha256:1111111111111111111111111111111111111111111111111111111111111111",
              "packageFileName": "coco-initrd-tdx.img",
              "downloadLocation": "NOASSERTION",
              "filesAnalyzed": false,
              "checksums": [
                {
                  "algorithm": "SHA256",
                  "checksumValue": "1111111111111111111111111111111111111111111111111111111111111111"
                },
                {
                  "algorithm": "SHA384",
                  "checksumValue": "222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222"
                }
              ],
              "licenseConcluded": "NOASSERTION",
              "licenseDeclared": "NOASSERTION",
              "copyrightText": "NOASSERTION",
              "comment": "1000 bytes",
              "primaryPackagePurpose": "ARCHIVE"
            },
            {
              "SPDXID": "SPDXRef-os-debian-13",
              "name": "debian",
              "versionInfo": "13",
              "downloadLocation": "NOASSERTION",
              "filesAnalyzed": false,
              "licenseConcluded": "NOASSERTION",
              "licenseDeclared": "NOASSERTION",
              "copyrightText": "NOASSERTION",
              "primaryPackagePurpose": "OPERATING_SYSTEM"
            },
            {
              "SPDXID": "SPDXRef-file-agent-3.29",
              "name": "agent",
              "versionInfo": "3.29",
              "downloadLocation": "NOASSERTION",
              "filesAnalyzed": false,
              "checksums": [
                {
                  "algorithm": "SHA256",
                  "checksumValue": "abababababababababababababababababababababababababababababababab"
                }
              ],
              "licenseConcluded": "NOASSERTION",
              "licenseDeclared": "Apache-2.0",
              "copyrightText": "NOASSERTION",
              "comment": "100 bytes",
              "primaryPackagePurpose": "APPLICATION"
            },
            {
              "SPDXID": "SPDXRef-deb-libc6-2.41-12",
              "name": "libc6",
              "versionInfo": "2.41-12",
              "supplier": "Organization: Debian",
              "downloadLocation": "https://example.org/pool/libc6_2.41-12_amd64.deb",
              "filesAnalyzed": false,
              "checksums": [
                {
                  "algorithm": "SHA256",
                  "checksumValue": "abababababababababababababababababababababababababababababababab"
                }
              ],
              "homepage": "https://example.org/libc/",
              "licenseConcluded": "NOASSERTION",
              "licenseDeclared": "LicenseRef-b10a3e7c48549069fcf63a231175da6613140e3bb864150afc167034d82fa321",
              "copyrightText": "NOASSERTION",
              "comment": "100 bytes; in the image 3 files of 5000 bytes",
              "externalRefs": [
                {
                  "referenceCategory": "PACKAGE-MANAGER",
                  "referenceType": "purl",
                  "referenceLocator": "pkg:deb/debian/libc6@2.41-12?arch=amd64&distro=debian-13&upstream=glibc"
                }
              ]
            },
            {
              "SPDXID": "SPDXRef-oci-pause-image",
              "name": "pause-image",
              "downloadLocation": "NOASSERTION",
              "filesAnalyzed": false,
              "checksums": [
                {
                  "algorithm": "SHA256",
                  "checksumValue": "abababababababababababababababababababababababababababababababab"
                }
              ],
              "licenseConcluded": "NOASSERTION",
              "licenseDeclared": "LicenseRef-6afac1c78dff2a926696ea742b695125ceddfc241d67f49d0686ee9c553fb709",
              "copyrightText": "NOASSERTION",
              "comment": "100 bytes",
              "externalRefs": [
                {
                  "referenceCategory": "PACKAGE-MANAGER",
                  "referenceType": "purl",
                  "referenceLocator": "pkg:oci/pause@sha256:abababababababababababababababababababababababababababababababab?repository_url=registry.example.org%2Fpause"
                }
              ],
              "primaryPackagePurpose": "CONTAINER"
            },
            {
              "SPDXID": "SPDXRef-file-policy",
              "name": "policy",
              "downloadLocation": "NOASSERTION",
              "filesAnalyzed": false,
              "checksums": [
                {
                  "algorithm": "SHA256",
                  "checksumValue": "abababababababababababababababababababababababababababababababab"
                }
              ],
              "licenseConcluded": "NOASSERTION",
              "licenseDeclared": "NOASSERTION",
              "copyrightText": "NOASSERTION",
              "comment": "100 bytes",
              "primaryPackagePurpose": "FILE"
            },
            {
              "SPDXID": "SPDXRef-source-glibc-2.41-12",
              "name": "glibc",
              "versionInfo": "2.41-12",
              "downloadLocation": "NOASSERTION",
              "filesAnalyzed": false,
              "licenseConcluded": "NOASSERTION",
              "licenseDeclared": "NOASSERTION",
              "copyrightText": "NOASSERTION",
              "externalRefs": [
                {
                  "referenceCategory": "PACKAGE-MANAGER",
                  "referenceType": "purl",
                  "referenceLocator": "pkg:deb/debian/glibc@2.41-12?arch=source&distro=debian-13"
                }
              ],
              "primaryPackagePurpose": "SOURCE"
            }
          ],
          "hasExtractedLicensingInfos": [
            {
              "licenseId": "LicenseRef-6afac1c78dff2a926696ea742b695125ceddfc241d67f49d0686ee9c553fb709",
              "extractedText": "Apache License, see LICENSE"
            },
            {
              "licenseId": "LicenseRef-b10a3e7c48549069fcf63a231175da6613140e3bb864150afc167034d82fa321",
              "extractedText": "Copyright 1991-2025\nMay be copied.\n"
            }
          ],
          "relationships": [
            {
              "spdxElementId": "SPDXRef-DOCUMENT",
              "relationshipType": "DESCRIBES",
              "relatedSpdxElement": "SPDXRef-image"
            },
            {
              "spdxElementId": "SPDXRef-image",
              "relationshipType": "CONTAINS",
              "relatedSpdxElement": "SPDXRef-os-debian-13"
            },
            {
              "spdxElementId": "SPDXRef-image",
              "relationshipType": "CONTAINS",
              "relatedSpdxElement": "SPDXRef-file-agent-3.29"
            },
            {
              "spdxElementId": "SPDXRef-image",
              "relationshipType": "CONTAINS",
              "relatedSpdxElement": "SPDXRef-deb-libc6-2.41-12"
            },
            {
              "spdxElementId": "SPDXRef-image",
              "relationshipType": "CONTAINS",
              "relatedSpdxElement": "SPDXRef-oci-pause-image"
            },
            {
              "spdxElementId": "SPDXRef-image",
              "relationshipType": "CONTAINS",
              "relatedSpdxElement": "SPDXRef-file-policy"
            },
            {
              "spdxElementId": "SPDXRef-deb-libc6-2.41-12",
              "relationshipType": "GENERATED_FROM",
              "relatedSpdxElement": "SPDXRef-source-glibc-2.41-12"
            }
          ]
        }
    "#]].assert_eq(&spdx(&sample::bill()));
}

#[test]
fn a_documents_name_is_the_digest_of_its_other_bytes() {
    let written = spdx(&sample::bill());
    let document: serde_json::Value = serde_json::from_str(&written).unwrap();
    let name = document["documentNamespace"].as_str().unwrap().strip_prefix("urn:uuid:").unwrap();
    assert_eq!(uuid::of(&written.replace(name, uuid::NIL)), name);
}

#[test]
fn equal_texts_are_extracted_once() {
    let mut bill = sample::bill();
    let mut again = bill.items.iter().find(|item| item.name == "libc6").unwrap().clone();
    again.name = "libc-bin".to_owned();
    bill.items.insert(again);
    assert_eq!(extracted(&bill).len(), 2);
    assert_eq!(spdx(&bill).matches("May be copied").count(), 1);
}

#[test]
fn packages_of_one_source_were_generated_from_one_package() {
    let mut bill = sample::bill();
    let mut again = bill.items.iter().find(|item| item.name == "libc6").unwrap().clone();
    again.name = "libc-bin".to_owned();
    bill.items.insert(again);
    let text = spdx(&bill);
    assert_eq!(text.matches(r#""relatedSpdxElement": "SPDXRef-source-glibc-2.41-12""#).count(), 2);
    assert_eq!(text.matches(r#""SPDXID": "SPDXRef-source-glibc-2.41-12""#).count(), 1);
}

#[test]
fn a_suppliers_name_is_one_line() {
    assert_eq!(one_line(" The\n  Makers\t(of it)"), "The Makers (of it)");
}
