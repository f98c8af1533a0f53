#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: a guest with 4 vCPUs is saved and goes on, is saved and restored, intact; damaged files are refused
# TIMEOUT: 360
. "$(dirname "$0")/lib.sh"
new_disk vda
. "$top/tests/system/lib-save.sh"
run_dom0 -D "$work/vda" <<'END'
. /payload/save-checks.sh
load_drivers
check toolstack toolstack_start
bridge_start
free=$(free_mib)
save_guest_start g cloud 4 128

check checkpoint xl save -c g /tmp/saved
save_guest_intact checkpoint
rm /tmp/saved
check save xl save g /tmp/saved
check saved-guest-gone guest_gone g
# A register that no kernel can have: only the hypervisor looks at it.
rip=$(($(record /tmp/saved $record_vcpu) + vcpu_rip))
poke /tmp/saved $((rip + 6)) '\063\022'
restore_refused g bad-rip /tmp/saved
unpoke /tmp/saved $((rip + 6))
check restore xl restore /tmp/saved
save_guest_intact restored
check destroy xl destroy g
truncate -s 40M /tmp/saved
restore_refused g truncated /tmp/saved
rm /tmp/saved
check_free_mib memory-back "$free"
[ "$failed" = 0 ] || guest_show g
finish
END
conclude
