//! Any text is written and read back; any bytes are read or refused, and never more than that.
#![expect(clippy::unwrap_used, reason = "a failing test should panic where it fails")]

use std::collections::BTreeMap;

use coco_initdata::{Algorithm, Form, Initdata, read};
use proptest::prelude::*;

/// Texts with much of what is hard to write in TOML.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("'".to_owned()),
        Just("'''".to_owned()),
        Just("\"\"\"".to_owned()),
        Just("\\".to_owned()),
        Just("\r".to_owned()),
        Just("\r\n".to_owned()),
        Just("\n".to_owned()),
        Just("\u{feff}".to_owned()),
        Just("\\\n  ".to_owned()),
        "[\\x00-\\x20\\x7f-\\xa0]",
        any::<char>().prop_map(String::from),
        "[a-z =#\\[\\]]{0,8}",
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// Keys `aa.toml` and `cdh.toml` are left out: their texts must be TOML.
fn document() -> impl Strategy<Value = Initdata> {
    let algorithm = prop::sample::select(Algorithm::ALL.to_vec());
    let key = prop_oneof![Just("policy.rego".to_owned()), text()];
    (algorithm, prop::collection::btree_map(key, text(), 0..4)).prop_map(|(algorithm, mut data)| {
        data.retain(|key, _| key != "aa.toml" && key != "cdh.toml");
        Initdata::new(algorithm, data).unwrap()
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(initdata in document()) {
        prop_assert_eq!(&Initdata::parse("it", initdata.text().as_bytes()).unwrap(), &initdata);
        let annotation = initdata.annotation().unwrap();
        prop_assert_eq!(read("it", annotation.as_bytes()).unwrap(), (Form::Annotation, initdata.clone()));
        prop_assert_eq!(read("it", &initdata.image()).unwrap(), (Form::Image, initdata));
    }

    #[test]
    fn older_agents_read_the_same(initdata in document()) {
        let table: toml_05::value::Table = toml_05::from_str(initdata.text()).unwrap();
        let data: BTreeMap<String, String> = table["data"].clone().try_into().unwrap();
        prop_assert_eq!(&data, initdata.data());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        for start in [&b""[..], b"initdata", b"\x1f\x8b\x08\x00", b"H4sI", b"algorithm = \"sha256\"\n"] {
            let _ = read("it", &[start, &bytes].concat());
        }
        let _ = Initdata::from_annotation("it", &bytes);
        let _ = Initdata::from_image("it", &bytes);
        let _ = Initdata::parse("it", &bytes);
    }

    #[test]
    fn damage_is_never_taken_for_another_document(
        initdata in document(), flips in prop::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 1..4)
    ) {
        for original in [initdata.annotation().unwrap().into_bytes(), initdata.image()] {
            let mut bytes = original.clone();
            for (index, flip) in &flips {
                let index = index.index(bytes.len());
                bytes[index] ^= flip;
            }
            // Bits of the gzip header that say nothing may change; the text may not.
            if let Ok((_, read)) = read("it", &bytes) {
                prop_assert_eq!(read, initdata.clone());
            }
        }
        let mut bytes = initdata.text().as_bytes().to_vec();
        for (index, flip) in &flips {
            let index = index.index(bytes.len());
            bytes[index] ^= flip;
        }
        if let Ok((Form::Toml, read)) = read("it", &bytes) {
            prop_assert_eq!(read.text().as_bytes(), &bytes[..]);
        }
    }
}
