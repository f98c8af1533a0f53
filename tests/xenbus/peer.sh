#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# usage: peer.sh FOLDER
# Puts Debian's store programs and Xen libraries into FOLDER (bin/, lib/), from dom0's image, unless they
# are there and fit it.  They need no Xen to run on the host but for xenstored, which gets xenless.so.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
image=$("$top/scripts/dom0-image")
to=$1
exec 9>"$to.lock"
flock 9 # two tests that begin at once
[ "$(cat "$to/from" 2>/dev/null)" != "$image" ] || exit 0
rm -rf "$to"
mkdir -p "$to/bin" "$to/lib" "$to/unpacked"
(cd "$to/unpacked" && cpio -id --quiet 'usr/bin/xenstore*' '*/xenstored' '*/xenstore-control' '*/libxen*' <"$image/dom0.cpio")
cp -a "$to"/unpacked/usr/bin/xenstore* "$to"/unpacked/usr/lib/xen-4.17/bin/xenstore{d,-control} "$to/bin/"
find "$to/unpacked" -name 'libxen*.so*' -exec cp -L {} "$to/lib/" \;
rm -rf "$to/unpacked"
echo "$image" >"$to/from"
