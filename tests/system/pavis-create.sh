#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: pavis makes a Debian guest with disk and network that Debian's xl also knows; it reboots, crashes, is destroyed at any moment and leaves nothing
# TIMEOUT: 450
TOOLS=ours
. "$(dirname "$0")/lib.sh"
new_disk vda
gcc -O2 -Wall -Werror -o "$work/kill_at" "$top/tests/system/programs/kill_at.c"
more_payload=("$work/kill_at" "$top/build/guests/domu.elf")
run_dom0 -D "$work/vda" <<'END'
. /payload/guest-checks.sh
. /payload/pavis-checks.sh
load_drivers
check toolstack toolstack_start
bridge_start
guest_servers_start
dd if=/dev/vda of=/tmp/disk.img bs=1M status=none
pavis_refusals
head -c 1M /dev/zero >/tmp/env
guest_config w cloud 1 128 '' "disk = [ 'file:/tmp/disk.img,xvda,w', 'file:/tmp/env,xvdb,r,backendtype=phy' ]
vif = [ '' ]"
check first pavis create -q -p /tmp/w.cfg # what only the first guest makes
check first-end pavis destroy w
before
pavis_nodes_like_xl
pavis_life
pavis_own_network
pavis_ends
pavis_actions
left_nothing
guest_servers_stop
finish
END
conclude
