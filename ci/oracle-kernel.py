#!/usr/bin/env python3
"""Compares the digest in a file with the one in a kernel's signature: `oracle-kernel.py KERNEL DIGEST`."""

import pathlib
import struct
import sys

kernel, expected = pathlib.Path(sys.argv[1]).read_bytes(), pathlib.Path(sys.argv[2]).read_text()
(pe,) = struct.unpack_from("<I", kernel, 0x3C)
place, size = struct.unpack_from("<II", kernel, pe + 24 + 112 + 4 * 8)
if size == 0:
    sys.exit("oracle: the kernel is not signed, so nothing says what its digest is")
# The digest follows the name of its algorithm: SHA-256, no parameters, 32 bytes.
name = bytes.fromhex("0609608648016503040201" "0500" "0420")
signature = kernel[place : place + size]
at = signature.index(name) + len(name)
got = signature[at : at + 32].hex()
if got != expected:
    sys.exit(f"oracle: the signature says {got}, we say {expected}")
print(f"the signature says {got} as well")
