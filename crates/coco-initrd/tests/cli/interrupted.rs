//! Builds that are stopped: what was there before stays whole.

use std::time::Duration;

use crate::fixture::{FULL, Place};

#[test]
fn a_build_that_is_killed_leaves_the_earlier_one_whole() {
    let place = Place::new();
    place.inputs();
    assert_eq!(place.run(&format!("{FULL} --profile tdx --output-dir out")).code, 0);
    let before = place.shell("cd out && sha256sum -c --quiet SHA256SUMS && cat SHA256SUMS");
    place.shell("mkdir base && for i in $(seq 60); do seq $i 100000 > base/$i; done");
    for milliseconds in [1, 5, 20, 50, 100, 200, 400] {
        let mut child = place
            .command()
            .args(format!("{FULL} --profile snp --base base --output-dir out").split_whitespace())
            .stderr(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(milliseconds));
        child.kill().unwrap();
        let finished = child.wait().unwrap().success();
        let after = place.shell("cd out && sha256sum -c --quiet SHA256SUMS && cat SHA256SUMS");
        assert_eq!((after.code, after.words.as_str()), (0, ""), "after {milliseconds} ms");
        assert!(finished || after.data == before.data || after.data.contains("coco-initrd-snp.img"));
    }
}

#[test]
fn an_interrupt_leaves_nothing_temporary() {
    let place = Place::new();
    place.inputs();
    place.shell("mkdir base && for i in $(seq 60); do seq $i 100000 > base/$i; done");
    for milliseconds in [20, 100, 200] {
        // SIGINT, as Ctrl-C sends it.
        let ran = place.shell(&format!(
            "$COCO {FULL} --profile snp --base base --output-dir out >/dev/null 2>&1 & p=$!; \
             sleep 0.{milliseconds:03}; kill -INT $p; wait $p; echo $?"
        ));
        assert!(ran.data == "130\n" || ran.data == "0\n", "after {milliseconds} ms: {}", ran.data);
        let names = place.shell("ls -A").data.replace("out\n", "");
        assert_eq!(names, "base\nin\n", "after {milliseconds} ms");
    }
}
