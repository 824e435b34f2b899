//! The forms in which Trustee takes reference values: a message, a list, a `ConfigMap`. Not their shapes.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64;
use serde::Serialize;

use super::{ReferenceValues, Value};

/// Until when a reference value is good, in UTC. Trustee stores it and does not enforce it when it is asked.
///
/// Nothing here looks at a clock, so the same values give the same bytes; the default is
/// 2099-12-31T00:00:00Z.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiration(String);

/// Namespace and name of a Kubernetes object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectName {
    namespace: String,
    name: String,
}

/// A text that is no expiration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("got expiration `{got}`, expected the form 2099-12-31T00:00:00Z")]
pub struct BadExpiration {
    got: String,
}

/// A text that Kubernetes takes for no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("got {what} `{got}`, expected at most {limit} of a-z, 0-9, {} with no mark at either end", if *.what == "namespace" { "-" } else { "- and ." })]
pub struct BadName {
    what: &'static str,
    got: String,
    limit: usize,
}

impl ReferenceValues {
    /// The message by which RVPS is told all values at once. It replaces values of the same names.
    ///
    /// It goes to `rvps-tool register --path FILE` or by POST to the KBS at `/kbs/v0/reference-value`.
    /// `rvps/src/extractors/mod.rs`: the version is compared; `rvps/src/extractors/sample/mod.rs`: a map of
    /// names to any JSON in base64, not signed. RVPS lets the values expire after 12 months.
    pub fn rvps_message(&self) -> String {
        let payload = BASE64.encode(json(&self.0).as_bytes());
        format!("{}\n", json(&Message { version: "0.1.0", kind: "sample", payload }))
    }

    /// The list that is `reference-values.json` of the operator's `ConfigMap`, by itself.
    pub fn list(&self, expiration: &Expiration) -> String {
        let expiration = &expiration.0;
        let entries: Vec<Entry<'_>> =
            self.0.iter().map(|(name, value)| Entry { name, expiration, value }).collect();
        let mut text = serde_json::to_string_pretty(&entries).expect("texts, numbers and flags are JSON");
        text.push('\n');
        text
    }

    /// The `ConfigMap` from which trustee-operator's RVPS reads its values; YAML.
    pub fn config_map(&self, object: &ObjectName, expiration: &Expiration) -> String {
        let ObjectName { namespace, name } = object;
        let head = format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: \"{name}\"\n  namespace: \"{namespace}\"\n\
             data:\n  reference-values.json: |\n"
        );
        // The lines of a block scalar; JSON has no line that is empty and no tabs.
        self.list(expiration).lines().fold(head, |text, line| text + "    " + line + "\n")
    }
}

impl ObjectName {
    /// Checks both names as Kubernetes does: a label of RFC 1123, and a subdomain of it.
    pub fn new(namespace: &str, name: &str) -> Result<Self, BadName> {
        let is_plain = |text: &str| {
            let is_mark = |c: char| c == '-' || c == '.';
            let is_known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || is_mark(c);
            let is_part = |part: &str| !part.is_empty() && !part.starts_with('-') && !part.ends_with('-');
            text.chars().all(is_known) && text.split('.').all(is_part)
        };
        let bad = |what, got: &str, limit| BadName { what, got: got.to_owned(), limit };
        if namespace.len() > 63 || namespace.contains('.') || !is_plain(namespace) {
            return Err(bad("namespace", namespace, 63));
        }
        if name.len() > 253 || !is_plain(name) {
            return Err(bad("name", name, 253));
        }
        Ok(Self { namespace: namespace.to_owned(), name: name.to_owned() })
    }
}

/// Where the trustee-operator looks by default.
impl Default for ObjectName {
    fn default() -> Self {
        Self { namespace: "trustee-operator-system".to_owned(), name: "rvps-reference-values".to_owned() }
    }
}

impl Default for Expiration {
    fn default() -> Self {
        Self("2099-12-31T00:00:00Z".to_owned())
    }
}

impl FromStr for Expiration {
    type Err = BadExpiration;

    /// Reads `%Y-%m-%dT%H:%M:%SZ`, the only form that `rvps/src/reference_value.rs` reads.
    fn from_str(text: &str) -> Result<Self, BadExpiration> {
        const FORM: &[u8] = b"0000-00-00T00:00:00Z";
        let bad = || BadExpiration { got: text.to_owned() };
        let fits = |(got, form): (u8, &u8)| if *form == b'0' { got.is_ascii_digit() } else { got == *form };
        if text.len() != FORM.len() || !text.bytes().zip(FORM).all(fits) {
            return Err(bad());
        }
        let number = |start: usize, len: usize| -> Option<u32> { text.get(start..start + len)?.parse().ok() };
        let year = number(0, 4).ok_or_else(bad)?;
        let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match number(5, 2) {
            Some(2) if is_leap => 29,
            Some(2) => 28,
            Some(4 | 6 | 9 | 11) => 30,
            Some(1..=12) => 31,
            _ => 0,
        };
        let is_within = |start, most| number(start, 2).is_some_and(|got| got <= most);
        let is_date = number(8, 2).is_some_and(|day| (1..=days).contains(&day));
        if !is_date || !is_within(11, 23) || !is_within(14, 59) || !is_within(17, 59) {
            return Err(bad());
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Expiration {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.0)
    }
}

/// What RVPS takes (`rvps/src/lib.rs`, `Message`).
#[derive(Serialize)]
struct Message {
    version: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    payload: String,
}

/// One of the operator's list.
#[derive(Serialize)]
struct Entry<'a> {
    name: &'static str,
    expiration: &'a str,
    value: &'a Value,
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("texts, numbers and flags are JSON")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Sha384;
    use crate::trustee::{Measurement, SnpTcb};
    use expect_test::expect;
    use saphyr_parser::{Event, Parser};

    fn values() -> ReferenceValues {
        let mut values = ReferenceValues::default();
        values.add(Measurement::TdvfKernel, &Sha384::from([0x11; 48]));
        values.add(Measurement::MrTd, &Sha384::from([0x22; 48]));
        values.add_snp_tcb(SnpTcb { bootloader: 3, tee: 0, snp: 8, microcode: 115 });
        values
    }

    #[test]
    fn a_list_has_names_in_order_and_each_value_in_its_shape() {
        expect![[r#"
            [
              {
                "name": "mr_td",
                "expiration": "2099-12-31T00:00:00Z",
                "value": [
                  "222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222"
                ]
              },
              {
                "name": "snp_bootloader",
                "expiration": "2099-12-31T00:00:00Z",
                "value": [
                  3
                ]
              },
              {
                "name": "snp_microcode",
                "expiration": "2099-12-31T00:00:00Z",
                "value": [
                  115
                ]
              },
              {
                "name": "snp_snp_svn",
                "expiration": "2099-12-31T00:00:00Z",
                "value": [
                  8
                ]
              },
              {
                "name": "snp_tee_svn",
                "expiration": "2099-12-31T00:00:00Z",
                "value": [
                  0
                ]
              },
              {
                "name": "tdvfkernel",
                "expiration": "2099-12-31T00:00:00Z",
                "value": "111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111"
              }
            ]
        "#]]
        .assert_eq(&values().list(&Expiration::default()));
    }

    #[test]
    fn a_message_holds_all_values_in_base64() {
        let message: serde_json::Value = serde_json::from_str(&values().rvps_message()).unwrap();
        assert_eq!((&message["version"], &message["type"]), (&"0.1.0".into(), &"sample".into()));
        let payload = BASE64.decode(message["payload"].as_str().unwrap().as_bytes()).unwrap();
        let payload: serde_json::Value = serde_json::from_slice(&payload).unwrap();
        assert_eq!(payload["tdvfkernel"], "11".repeat(48));
        assert_eq!(payload["mr_td"], serde_json::json!(["22".repeat(48)]));
        assert_eq!(payload.as_object().unwrap().len(), 6);
    }

    /// The scalars of a YAML document, in order.
    fn scalars(yaml: &str) -> Vec<String> {
        let scalar = |event| match event {
            Event::Scalar(text, ..) => Some(text.into_owned()),
            _ => None,
        };
        Parser::new_from_str(yaml).filter_map(|event| scalar(event.unwrap().0)).collect()
    }

    #[test]
    fn a_config_map_is_yaml_that_holds_the_list() {
        let yaml = values().config_map(&ObjectName::default(), &Expiration::default());
        let list = values().list(&Expiration::default());
        assert_eq!(
            scalars(&yaml),
            [
                "apiVersion",
                "v1",
                "kind",
                "ConfigMap",
                "metadata",
                "name",
                "rvps-reference-values",
                "namespace",
                "trustee-operator-system",
                "data",
                "reference-values.json",
                &list
            ]
        );
    }

    #[test]
    fn names_that_are_none_are_refused() {
        let told = |namespace, name| ObjectName::new(namespace, name).map_err(|error| error.to_string());
        assert!(told("a-b", "c.d-1").is_ok());
        assert_eq!(
            told("a.b", "c").unwrap_err(),
            "got namespace `a.b`, expected at most 63 of a-z, 0-9, - with no mark at either end"
        );
        for name in ["", "a\"", "a\nb", "-a", "a..b", "A", &"a".repeat(254)] {
            assert!(told("a", name).is_err(), "{name}");
        }
    }

    #[test]
    fn an_expiration_is_a_date_that_exists() {
        for (text, is_good) in [
            ("2099-12-31T00:00:00Z", true),
            ("2028-02-29T23:59:59Z", true),
            ("2027-02-29T00:00:00Z", false),
            ("2100-02-29T00:00:00Z", false),
            ("2027-13-01T00:00:00Z", false),
            ("2027-01-00T00:00:00Z", false),
            ("2027-01-01T24:00:00Z", false),
            ("2027-01-01 00:00:00Z", false),
            ("2027-01-01T00:00:00+00:00", false),
            ("", false),
        ] {
            assert_eq!(text.parse::<Expiration>().is_ok(), is_good, "{text}");
        }
    }
}
