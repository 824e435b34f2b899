//! Whole statements.

use expect_test::expect;

use super::*;
use crate::sample;

#[test]
#[expect(clippy::too_many_lines, reason = "a whole document")]
fn a_statement_says_what_was_made_of_what_and_how() {
    let bill = sample::bill();
    let statement = Provenance {
        image: Artifact { name: bill.image.name, sha256: bill.image.sha256 },
        manifest: Artifact { name: "manifest.json".to_owned(), sha256: [0x33; 32] },
        tool: bill.tool,
        profile: "tdx".to_owned(),
        profile_sha256: [0x44; 32],
        options: BTreeMap::from([("compression".to_owned(), "zstd".to_owned())]),
        items: bill.items,
        inputs: BTreeSet::from([
            Input { name: "tdx.lock".to_owned(), sha256: [0x55; 32], download: None, media_type: None },
            Input {
                name: "layer 1 of pause-image".to_owned(),
                sha256: [0x66; 32],
                download: Some(Url::parse("https://registry.example.org/v2/pause/blobs/sha256:66").unwrap()),
                media_type: Some("application/vnd.oci.image.layer.v1.tar+gzip".to_owned()),
            },
        ]),
    };
    expect![[r#"
        {
          "_type": "https://in-toto.io/Statement/v1",
          "subject": [
            {
              "name": "coco-initrd-tdx.img",
              "digest": {
                "sha256": "1111111111111111111111111111111111111111111111111111111111111111"
              }
            },
            {
              "name": "manifest.json",
              "digest": {
                "sha256": "3333333333333333333333333333333333333333333333333333333333333333"
              }
            }
          ],
          "predicateType": "https://slsa.dev/provenance/v1",
          "predicate": {
            "buildDefinition": {
              "buildType": "tag:coco-initrd,2026:build/v1",
              "externalParameters": {
                "profile": {
                  "name": "tdx",
                  "digest": {
                    "sha256": "4444444444444444444444444444444444444444444444444444444444444444"
                  }
                },
                "options": {
                  "compression": "zstd"
                }
              },
              "internalParameters": {
                "tool": {
                  "coco-initrd": "0.1.0"
                }
              },
              "resolvedDependencies": [
                {
                  "name": "agent",
                  "digest": {
                    "sha256": "abababababababababababababababababababababababababababababababab"
                  }
                },
                {
                  "name": "libc6",
                  "uri": "pkg:deb/debian/libc6@2.41-12?arch=amd64&distro=debian-13&upstream=glibc",
                  "digest": {
                    "sha256": "abababababababababababababababababababababababababababababababab"
                  },
                  "downloadLocation": "https://example.org/pool/libc6_2.41-12_amd64.deb"
                },
                {
                  "name": "pause-image",
                  "uri": "pkg:oci/pause@sha256:abababababababababababababababababababababababababababababababab?repository_url=registry.example.org%2Fpause",
                  "digest": {
                    "sha256": "abababababababababababababababababababababababababababababababab"
                  }
                },
                {
                  "name": "policy",
                  "digest": {
                    "sha256": "abababababababababababababababababababababababababababababababab"
                  }
                },
                {
                  "name": "layer 1 of pause-image",
                  "digest": {
                    "sha256": "6666666666666666666666666666666666666666666666666666666666666666"
                  },
                  "downloadLocation": "https://registry.example.org/v2/pause/blobs/sha256:66",
                  "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip"
                },
                {
                  "name": "tdx.lock",
                  "digest": {
                    "sha256": "5555555555555555555555555555555555555555555555555555555555555555"
                  }
                }
              ]
            },
            "runDetails": {
              "builder": {
                "id": "tag:coco-initrd,2026:builder/v1",
                "version": {
                  "coco-initrd": "0.1.0"
                }
              }
            }
          }
        }
    "#]].assert_eq(&provenance(&statement));
}
