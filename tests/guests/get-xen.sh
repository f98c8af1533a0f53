#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Print the path of Debian's Xen 4.17 image, unpacked for QEMU's -kernel; fetch (never install) it first
# if the cache does not hold it.
set -e
cache=${PAVIS_CACHE:-$HOME/.cache/pavis}/xen-4.17
if [ ! -f "$cache/xen.bin" ]; then
    mkdir -p "$cache"
    cd "$cache"
    apt-get download -q xen-hypervisor-4.17-amd64 >&2 ||
        { echo "cannot download xen-hypervisor-4.17-amd64, and $cache does not hold it" >&2; exit 1; }
    dpkg -x xen-hypervisor-4.17-amd64_*.deb unpacked
    zcat unpacked/boot/xen-4.17-amd64.gz >xen.bin.tmp
    mv xen.bin.tmp xen.bin
fi
echo "$cache/xen.bin"
