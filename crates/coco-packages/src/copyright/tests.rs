//! Tests of whole files.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

const HEADER: &str =
    "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nSource: x\n";

fn check(stanzas: &str, expected: &Expect) {
    let shown = match licence(&format!("{HEADER}\n{stanzas}"), "zlib1g") {
        Licence::Text(_) => "a text".to_owned(),
        Licence::Expression { spdx, texts } => {
            let texts = texts.iter().map(|(name, text)| format!("\n{name}: {text:?}"));
            std::iter::once(spdx).chain(texts).collect()
        }
    };
    expected.assert_eq(&shown);
}

#[test]
fn all_files_licences_are_joined() {
    check(
        "Files: *\nCopyright: x\nLicense: GPL-2+ or BSD-3-clause\n\n\
         Files: a\nCopyright: y\nLicense: Zlib\n text\n\n\
         Files: b\nCopyright: y\nLicense: Expat and Zlib\n\n\
         License: GPL-2+\n on Debian systems\n\nLicense: Expat\n text\n",
        &expect!["MIT AND Zlib AND (BSD-3-Clause OR GPL-2.0-or-later)"],
    );
}

#[test]
fn what_spdx_does_not_have_is_kept_as_text() {
    check(
        "Files: *\nCopyright: x\nLicense: public-domain\n No rights\n .\n  at all. \n\n\
         Files: a\nCopyright: x\nLicense: public-domain\n Another.\n\n\
         Files: b\nCopyright: x\nLicense: public-domain\n Another.\n\n\
         Files: c\nCopyright: x\nLicense: GPL-2+ with OpenSSL exception\n\n\
         Files: d\nCopyright: x\nLicense: GPL-2 with Classpath-exception-2.0\n\n\
         License: GPL-2+ with OpenSSL exception\n Link it.\n",
        &expect![[r#"
            GPL-2.0-only WITH Classpath-exception-2.0 AND LicenseRef-zlib1g-GPL-2plus-with-OpenSSL-exception AND LicenseRef-zlib1g-public-domain AND LicenseRef-zlib1g-public-domain-2
            LicenseRef-zlib1g-GPL-2plus-with-OpenSSL-exception: "Link it."
            LicenseRef-zlib1g-public-domain: "No rights\n\n at all."
            LicenseRef-zlib1g-public-domain-2: "Another.""#]],
    );
}

#[test]
fn names_of_texts_do_not_meet() {
    check(
        "Files: a\nLicense: x-2\n one\n\nFiles: b\nLicense: x\n two\n\nFiles: c\nLicense: x\n three\n",
        &expect![[r#"
            LicenseRef-zlib1g-x AND LicenseRef-zlib1g-x-2 AND LicenseRef-zlib1g-x-3
            LicenseRef-zlib1g-x: "two"
            LicenseRef-zlib1g-x-2: "one"
            LicenseRef-zlib1g-x-3: "three""#]],
    );
}

#[test]
fn what_people_have_to_read_stays_a_text() {
    for stanzas in [
        "",
        "Files: *\nLicense: unheard-of\n",
        "Files: *\nLicense:\n Permission is granted\n",
        "Files: *\nCopyright: x\n",
        "Files: *\nLicense: GPL-2 | Expat\n",
        "Files: *\nLicense: own\n\nLicense: own\n one\n\nLicense: own\n other\n",
        "Files: *\nLicense: Expat\n\nComment: what is this\n",
        "Files: *\nLicense: Expat\n \nFiles: a\nLicense: Zlib\n",
        "License: Expat\n text\n",
    ] {
        check(stanzas, &expect!["a text"]);
    }
    for text in ["", "It was debianized by", "Format: https://example.org/1.0/\n\nFiles: *\nLicense: Expat\n"]
    {
        assert_eq!(licence(text, "a"), Licence::Text(text.to_owned()));
    }
}

proptest! {
    #[test]
    fn an_expression_is_one_of_spdx(
        lines in prop::collection::vec(
            "(GPL-2|Expat|own|a/b)( with (LLVM|x y) exception)?(,? (and|or) (BSL-1.0|MPL-1.1\\+|MIT)){0,2}",
            1..6,
        ),
        scope in "[a-z+_.é-]{0,6}",
    ) {
        let stanzas: Vec<_> = lines.iter().map(|line| format!("Files: *\nLicense: {line}\n text\n")).collect();
        if let Licence::Expression { spdx, texts } =
            licence(&format!("{HEADER}\n{}", stanzas.join("\n")), &scope)
        {
            let parsed = spdx::Expression::parse(&spdx);
            prop_assert!(parsed.is_ok(), "{}", spdx);
            prop_assert!(texts.keys().all(|name| spdx.contains(name)));
        }
    }
}
