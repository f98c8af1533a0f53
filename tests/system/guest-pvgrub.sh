#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: Debian's PV-GRUB starts a guest's kernel and initrd from the guest's own disk, and nothing of it stays
# TIMEOUT: 200
# LONG
. "$(dirname "$0")/lib.sh"
. "$top/tests/system/lib-pvgrub.sh"
# GRUB unpacks XZ, gzip and LZO only.
"$top/scripts/unpack-kernel" "$image/vmlinuz-cloud" >"$work/kernel"
system_disk vda "$work/kernel"
run_dom0 -D "$work/vda" <<'END'
. /payload/pvgrub-checks.sh
load_drivers
check toolstack toolstack_start
bridge_start
free=$(free_mib)
pvgrub_start g 2 192 /dev/vda
pvgrub_intact g 2 /dev/vda
check shutdown xl shutdown -w g
check_free_mib memory-back "$free"
finish
END
conclude
