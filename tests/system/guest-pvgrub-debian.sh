#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: PV-GRUB starts Debian's generic kernel as it is packed, from a partition; again at the guest's reboot
# TIMEOUT: 400
# LONG
. "$(dirname "$0")/lib.sh"
. "$top/tests/system/lib-pvgrub.sh"
system_disk vda "$image/vmlinuz" $((1024 * 1024))
run_dom0 -n 2 -D "$work/vda" <<'END'
. /payload/pvgrub-checks.sh
load_drivers
check toolstack toolstack_start
bridge_start
free=$(free_mib)
pvgrub_start g 4 256 /dev/vda
pvgrub_intact g 4 /dev/vda
check reboot xl reboot g
check up-again wait_for 120 eval '[ "$(guest_seen g "^GUEST idle" | wc -l)" = 2 ]'
pvgrub_intact g 4 /dev/vda
check shutdown xl shutdown -w g
check_free_mib memory-back "$free"
finish
END
conclude
