//! Patches for the `ConfigMaps` of peer pods, as text. What is in initdata is not judged here.
//!
//! A patch has `data` alone: `azure-podvm-image-cm` and `aws-podvm-image-cm` take the same key, so one
//! patch serves both, and its user names the `ConfigMap`.

use data_encoding::BASE64;

use crate::digest::Sha256;

/// Path of [`podvm_image`]'s text beside the manifest.
pub const PODVM_IMAGE: &str = "k8s/podvm-image-cm.patch.yaml";

/// Path of [`peer_pods`]'s text beside the manifest.
pub const PEER_PODS: &str = "k8s/peer-pods-cm.patch.yaml";

/// Makes an image build pack `policy`: key `AGENT_POLICY`, base64 of the Rego, of the image builder's
/// `ConfigMap`.
pub fn podvm_image(policy: &[u8]) -> String {
    format!(
        "# Policy of podvm images that are built from now on, SHA-256 {}\n\
         # For ConfigMap azure-podvm-image-cm or aws-podvm-image-cm\n\
         data:\n  AGENT_POLICY: \"{}\"\n",
        Sha256::of(policy),
        BASE64.encode(policy)
    )
}

/// Gives every peer pod this initdata: key `INITDATA` of `peer-pods-cm`. `annotation` is base64.
pub fn peer_pods(annotation: &str) -> String {
    format!(
        "# GLOBAL: the initdata of every peer pod that has no annotation of its own\n\
         # For ConfigMap peer-pods-cm; cloud-api-adaptor reads it when it starts\n\
         data:\n  INITDATA: \"{annotation}\"\n"
    )
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn the_policy_is_in_the_patch_as_base64() {
        expect![[r##"
            # Policy of podvm images that are built from now on, SHA-256 45148e88381b22b43595cc1eaf2fadfd3f93998dbbb75bd4f3d69b641fe6153b
            # For ConfigMap azure-podvm-image-cm or aws-podvm-image-cm
            data:
              AGENT_POLICY: "cGFja2FnZSBhZ2VudF9wb2xpY3kK"
        "##]]
        .assert_eq(&podvm_image(b"package agent_policy\n"));
    }

    #[test]
    fn global_initdata_says_that_it_is_global() {
        expect![[r#"
            # GLOBAL: the initdata of every peer pod that has no annotation of its own
            # For ConfigMap peer-pods-cm; cloud-api-adaptor reads it when it starts
            data:
              INITDATA: "H4sIAAAA"
        "#]]
        .assert_eq(&peer_pods("H4sIAAAA"));
    }
}
