# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Many tiny guests made and ended by pavis, some of whose makers are killed: the host's side, shared by
# pavis-cycle and pavis-cycle-long.  cycles NUMBER SEED: boots dom0 with that payload.

cycles() {
    local root=$top/build/root/usr/lib/x86_64-linux-gnu
    make -s -C "$top" "$top/build/dom0-tools/libpavis.a" "build/guests/basic.elf" >/dev/null 2>&1 || make -s -C "$top" pavis build/guests/basic.elf
    gcc -O2 -Wall -Werror -o "$work/kill_at" "$top/tests/system/programs/kill_at.c"
    gcc -std=gnu11 -O2 -Wall -Werror -D_GNU_SOURCE -I"$top/hypervisor" -I"$top/dom0-tools" -I"$top/xenbus" \
        -o "$work/tally" "$top/tests/system/programs/tally.c" "$top/build/dom0-tools/libpavis.a" \
        "$root/libxenstore.a" -pthread
    more_payload=("$work/kill_at" "$work/tally" "$top/build/guests/basic.elf")
    echo "cycles=$1 seed=$2" >>"$work/env.sh"
    run_dom0 -D "$work/vda" <<'END'
. /payload/guest-checks.sh
. /payload/pavis-checks.sh
load_drivers
check toolstack toolstack_start
bridge_start
pavis_cycles
finish
END
}
