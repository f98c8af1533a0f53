#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: a guest that was saved on Debian's Xen 4.17 goes on here, and one that was saved here goes on there
# TIMEOUT: 500
# LONG
. "$(dirname "$0")/lib.sh"
. "$top/tests/system/lib-save.sh"
new_disk vda
truncate -s 160M "$work/file"
# Both show the guest one processor, or the policy in the file would rightly be refused.
boot=(-c max,-smap,-monitor -D "$work/vda" -D "$work/file")

run_on() { # pavis|xen: as run_dom0, from standard input
    local XEN
    XEN=$([ "$1" = pavis ] || echo 1)
    export XEN
    echo "on $1"
    run_dom0 "${boot[@]}"
}
prepare='
. /payload/save-checks.sh
load_drivers
check toolstack toolstack_start
bridge_start
'
new_guest='
save_guest_start g cloud 2 128
check save xl save g /dev/vdb
echo "KEPT $guest_data_sum"
sync
finish
'
# The connection of its life before is gone with the other dom0; it opens a new one.
old_guest='
check restore xl restore /dev/vdb
keeper_cpus=2
check answers wait_for 60 guest_answers
save_guest_connect
save_guest_intact restored
[ "$failed" = 0 ] || guest_show g
'
kept() { sed -n 's/.*KEPT \([0-9a-f]*  -\).*/\1/p' "$console" | tail -1; }

run_on xen <<<"$prepare$new_guest"
sum=$(kept)
run_on pavis <<<"$prepare guest_data_sum='$sum'
$old_guest
check save-again xl save g /dev/vdb
finish"
run_on xen <<<"$prepare guest_data_sum='$sum'
$old_guest
finish"
conclude
