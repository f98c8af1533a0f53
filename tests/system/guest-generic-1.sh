#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: with all of Debian's tools and on restricted root tables dom0 hosts a guest (generic kernel, 1 vCPU, disk, bridge): its data, xl's verbs, nothing left
# TIMEOUT: 200
TOOLS=debian
. "$(dirname "$0")/lib.sh"
new_disk vda
run_dom0 -x "xpti=1 pv-l1tf=1" -D "$work/vda" <<'END'
. /payload/guest-checks.sh
load_drivers
check toolstack toolstack_start
! on_pavis || check told eval 'xl dmesg | grep -q "restricted roots (xpti): dom0 on, domU on"'
bridge_start
guest_servers_start
guest_life g generic 1 phy:/dev/vda /dev/vda "$vda_sum"
guest_servers_stop
finish
END
conclude
