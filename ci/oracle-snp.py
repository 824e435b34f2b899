"""Compares the launches in a folder, written by the example `oracle`, with what sev-snp-measure computes."""

import pathlib
import sys

from sevsnpmeasure import guest
from sevsnpmeasure.sev_mode import SevMode
from sevsnpmeasure.vcpu_types import CPU_SIGS

cases = sorted(path.parent for path in pathlib.Path(sys.argv[1]).glob("*/expected"))
for case in cases:
    vcpus, vcpu_type, features, expected = (case / "expected").read_text().split()
    kernel, initrd = (str(case / name) if (case / name).exists() else None for name in ("kernel", "initrd"))
    got = guest.calc_launch_digest(
        SevMode.SEV_SNP,
        int(vcpus),
        CPU_SIGS[vcpu_type],
        str(case / "firmware"),
        kernel,
        initrd,
        (case / "command-line").read_bytes().decode("ascii"),
        int(features),
    ).hex()
    if got != expected:
        sys.exit(f"oracle: launch {case.name}: sev-snp-measure says {got}, we say {expected}")
if len(cases) < 200:
    sys.exit(f"oracle: got {len(cases)} launches, expected 200 and more")
print(f"{len(cases)} launches have the same digest")
