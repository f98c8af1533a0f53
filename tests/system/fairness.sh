#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: two guests of weight 2:1 that saturate a disk get shares within 10 % of that; beside another's fsync storm a guest's 99th percentile stays within 3 times
# TIMEOUT: 600
# LONG
#
# Time is instructions executed, so that the host's load changes nothing.  The disk is the kernel's null_blk: it
# keeps no data, takes 4 requests at a time and 4 ms for each, which is a thousand a second: the disk is what is short,
# not the processor.  Each guest has a partition of it.
TOOLS=ours
. "$(dirname "$0")/lib.sh"
gcc -O2 -Wall -Werror -static -o "$work/fairio" "$top/tests/system/programs/fairio.c"
(cd "$work" && echo fairio | cpio -o -H newc --quiet >fairio.cpio)
deb=$(ls -t "${PAVIS_CACHE:-$HOME/.cache/pavis}"/debs/linux-image-6*[0-9]-amd64_*.deb | head -1) # not the cloud's
dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$work" --wildcards --no-anchored '*/null_blk.ko' '*/configfs.ko'
more_payload=("$work/fairio" "$work/fairio.cpio" "$(find "$work" -name null_blk.ko)" "$(find "$work" -name configfs.ko)")
run_dom0 -I <<'END'
. /payload/guest-checks.sh
. /payload/pavis-checks.sh
. /payload/fair-checks.sh
check toolstack toolstack_start
fair_disk
fair_shares
fair_storm
finish
END
conclude
