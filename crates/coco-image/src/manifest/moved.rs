//! Two predictions compared: which values moved, and which of their inputs did it.

use std::collections::BTreeSet;

use super::measurements::{LaunchRecord, MeasurementsRecord, PlatformRecord, ValueRecord};

/// A value that one prediction has and the other has not, or has otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The launch it is of: the name of its command line; empty for the values of initdata.
    pub launch: String,
    /// Its name.
    pub name: String,
    /// The number of vCPUs it is for, if it depends on that.
    pub vcpus: Option<u16>,
    /// What it was; `None` if there was no such value.
    pub from: Option<String>,
    /// What it is; `None` if there is no such value any more.
    pub to: Option<String>,
    /// Those of its inputs that differ; none, if it is there in one of the predictions only.
    pub because: Vec<String>,
}

/// The values that moved from `a` to `b`, launch by launch.
pub fn moved(a: &MeasurementsRecord, b: &MeasurementsRecord) -> Vec<Moved> {
    let names: BTreeSet<&String> = a.launches.keys().chain(b.launches.keys()).collect();
    let mut found = Vec::new();
    for name in names {
        let (old, new) = (a.launches.get(name), b.launches.get(name));
        let mut changed = changed_inputs(a, b);
        if let (Some(old), Some(new)) = (old, new)
            && old.command_line != new.command_line
        {
            changed.insert("command-line");
        }
        found.extend(moved_in(name, (old, new), &changed));
    }
    found.extend(moved_init_data(a, b));
    found
}

/// Values of one launch, in the order of the newer prediction; those that it has not come last.
fn moved_in(
    launch: &str,
    (old, new): (Option<&LaunchRecord>, Option<&LaunchRecord>),
    changed: &BTreeSet<&'static str>,
) -> Vec<Moved> {
    let values = |launch: Option<&LaunchRecord>| launch.map_or_else(Vec::new, |it| it.values.clone());
    let (old, new) = (values(old), values(new));
    let same = |a: &ValueRecord, b: &ValueRecord| a.name == b.name && a.vcpus == b.vcpus;
    let one = |from: Option<&ValueRecord>, to: Option<&ValueRecord>| {
        let value = to.or(from)?;
        let differs = from.map(|it| &it.value) != to.map(|it| &it.value);
        let both = from.is_some() && to.is_some();
        let because = value.inputs.iter().filter(|input| both && changed.contains(input.as_str()));
        differs.then(|| Moved {
            launch: launch.to_owned(),
            name: value.name.clone(),
            vcpus: value.vcpus,
            from: from.map(|it| it.value.clone()),
            to: to.map(|it| it.value.clone()),
            because: because.cloned().collect(),
        })
    };
    let newer = new.iter().map(|to| (old.iter().find(|from| same(from, to)), Some(to)));
    let gone = old.iter().filter(|from| !new.iter().any(|to| same(from, to))).map(|from| (Some(from), None));
    newer.chain(gone).filter_map(|(from, to)| one(from, to)).collect()
}

/// The names of the inputs that differ, the command line apart: each launch has its own.
fn changed_inputs(a: &MeasurementsRecord, b: &MeasurementsRecord) -> BTreeSet<&'static str> {
    let mut changed = BTreeSet::new();
    let mut note = |name, differs: bool| {
        if differs {
            changed.insert(name);
        }
    };
    note("firmware", a.firmware != b.firmware);
    note("kernel", a.kernel != b.kernel);
    note("initrd", a.initrd != b.initrd);
    let size = |it: &MeasurementsRecord| it.initrd.as_ref().map(|initrd| initrd.size);
    note("initrd-size", size(a) != size(b));
    match (&a.platform, &b.platform) {
        (PlatformRecord::Snp(a), PlatformRecord::Snp(b)) => {
            note("vcpu-type", a.vcpu_type != b.vcpu_type);
            note("guest-features", a.guest_features != b.guest_features);
        }
        (PlatformRecord::Tdx(a), PlatformRecord::Tdx(b)) => {
            note("initrd-argument", a.initrd_argument != b.initrd_argument);
            note("kernel-patch", a.kernel_patch != b.kernel_patch);
            note("memory", a.memory_mib != b.memory_mib);
            note("tdvf-separator", a.tdvf_separator != b.tdvf_separator);
            note("mrtd-order", a.mrtd_order != b.mrtd_order);
        }
        _ => {} // no value of one TEE is a value of the other
    }
    changed
}

/// Documents by name: what was approved and is no more, what is new, and what has other bytes.
fn moved_init_data(a: &MeasurementsRecord, b: &MeasurementsRecord) -> Vec<Moved> {
    let names: BTreeSet<&str> = a.init_data.iter().chain(&b.init_data).map(|it| it.name.as_str()).collect();
    let value = |record: &MeasurementsRecord, name: &str| {
        let document = record.init_data.iter().find(|it| it.name == name);
        document.and_then(|it| it.value(record.platform.init_data())).map(|it| it.value.clone())
    };
    let one = |name: &str| {
        let (from, to) = (value(a, name), value(b, name));
        let because = if from.is_some() && to.is_some() { vec!["initdata".to_owned()] } else { Vec::new() };
        let name = format!("init_data of {name}");
        (from != to).then(|| Moved { launch: String::new(), name, vcpus: None, from, to, because })
    };
    names.into_iter().filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::{Value, json};

    use super::*;

    /// A prediction, with something else in the place of one thing, by a JSON pointer.
    fn prediction(replaced: &[(&str, Value)]) -> MeasurementsRecord {
        let value = |name: &str, value: &str, inputs: &[&str]| json!({"name": name, "value": value, "certainty": "computed", "reason": "", "inputs": inputs});
        let mut record = json!({
            "firmware": {"sha256": "1".repeat(64), "size": 4096},
            "kernel": {"sha256": "2".repeat(64), "size": 8192},
            "initrd": {"sha256": "3".repeat(64), "sha384": "4".repeat(96), "size": 100},
            "platform": {"tee": "tdx", "initrd_argument": "prefix", "kernel_patch": "none", "mrtd_order": "single-pass",
                     "tdvf_separator": "rtmr1"},
            "launches": {"go": {"command_line": "quiet", "values": [
                value("mr_td", "aa", &["firmware", "mrtd-order"]),
                value("rtmr_2", "bb", &["command-line", "initrd-argument", "initrd"]),
            ]}},
            "init_data": [{"name": "none", "values": [value("mrconfigid", "00", &["initdata"])]}],
            "collect_on_host": {},
        });
        for (place, value) in replaced {
            *record.pointer_mut(place).unwrap() = value.clone();
        }
        serde_json::from_value(record).unwrap()
    }

    fn told(replaced: &[(&str, Value)], expected: &Expect) {
        let found = moved(&prediction(&[]), &prediction(replaced));
        let line = |it: &Moved| {
            let Moved { launch, name, from, to, because, .. } = it;
            format!("[{launch}] {name} {from:?} {to:?} by {because:?}\n")
        };
        expected.assert_eq(&found.iter().map(line).collect::<String>());
    }

    #[test]
    fn equal_predictions_move_nothing() {
        told(&[], &expect![""]);
    }

    #[test]
    fn a_value_moves_by_those_of_its_inputs_that_differ() {
        told(
            &[
                ("/initrd/sha256", json!("5".repeat(64))),
                ("/kernel/size", json!(1)),
                ("/launches/go/command_line", json!("debug")),
                ("/launches/go/values/1/value", json!("cc")),
            ],
            &expect![[r#"
                [go] rtmr_2 Some("bb") Some("cc") by ["command-line", "initrd"]
            "#]],
        );
    }

    #[test]
    fn a_launch_that_is_new_has_no_input_that_moved_it() {
        told(
            &[("/launches", json!({"rs": {"command_line": "quiet", "values": []}}))],
            &expect![[r#"
                [go] mr_td Some("aa") None by []
                [go] rtmr_2 Some("bb") None by []
            "#]],
        );
    }

    #[test]
    fn initdata_moves_by_its_document() {
        told(
            &[("/init_data/0/values/0/value", json!("11"))],
            &expect![[r#"
                [] init_data of none Some("00") Some("11") by ["initdata"]
            "#]],
        );
    }
}
