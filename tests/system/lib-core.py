#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Checks what `xl dump-core` wrote: an ELF core in Xen's format, with all pages and the vCPUs' contexts.

usage: lib-core.py FILE VCPUS PAGES SHA256: of a page that must be among them
The format is that of Xen 4.17's docs/misc/dump-core-format.txt.
"""
import hashlib
import struct
import sys

PAGE = 4096
MAGIC = 0xF00FEBED
NOTE_HEADER, NOTE_FORMAT = 0x2000001, 0x2000003
CONTEXT_SIZE = 5168  # struct vcpu_guest_context


def sections(core):
    """Name -> (offset, size, entry size) of each section."""
    offset, = struct.unpack_from("<Q", core, 0x28)
    size, number, names = struct.unpack_from("<HHH", core, 0x3A)
    headers = [struct.unpack_from("<IIQQQQIIQQ", core, offset + i * size) for i in range(number)]
    table = headers[names]
    result = {}
    for h in headers:
        at = table[4] + h[0]
        result[core[at:core.index(b"\0", at)].decode()] = (h[4], h[5], h[9])
    return result


def notes(data):
    """Type -> contents of each note."""
    result, at = {}, 0
    while at < len(data):
        name, size, kind = struct.unpack_from("<III", data, at)
        at += 12 + (name + 3 & ~3)
        result[kind] = data[at:at + size]
        at += size + 3 & ~3
    return result


def main():
    core = open(sys.argv[1], "rb").read()
    vcpus, pages = int(sys.argv[2]), int(sys.argv[3])
    assert core[:6] == b"\x7fELF\x02\x01" and struct.unpack_from("<HH", core, 16) == (4, 62), "no x86-64 core"
    part = sections(core)
    offset, size, _ = part[".note.Xen"]
    note = notes(core[offset:offset + size])
    header = struct.unpack("<QQQQ", note[NOTE_HEADER])
    assert header[:2] == (MAGIC, vcpus) and header[3] == PAGE, f"header {header}"
    assert header[2] <= pages and header[2] > pages - 1024, f"{header[2]} pages of {pages}"
    assert struct.unpack("<Q", note[NOTE_FORMAT])[0] == 1, "another version of the format"
    assert part[".xen_prstatus"][1:] == (vcpus * CONTEXT_SIZE, CONTEXT_SIZE), "contexts"
    assert part[".xen_p2m"][1:] == (header[2] * 16, 16), "frame numbers"
    offset, size, entry = part[".xen_pages"]
    assert (size, entry) == (header[2] * PAGE, PAGE), "pages"
    at = part[".xen_p2m"][0]
    numbers = {struct.unpack_from("<Q", core, at + 16 * i)[0] for i in range(header[2])}
    assert len(numbers) == header[2] and max(numbers) < pages, "frame numbers come twice, or are too large"
    assert any(hashlib.sha256(core[p:p + PAGE]).hexdigest() == sys.argv[4]
               for p in range(offset, offset + size, PAGE)), "a page that the guest has is not there"
    print(f"TEST core {sys.argv[1].rsplit('/', 1)[1]} ok: {header[2]} pages, {vcpus} vCPUs")


main()
