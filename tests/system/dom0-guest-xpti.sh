#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: on restricted root tables and with entries checked for L1TF, dom0 with 2 vCPUs is as without, and a guest too
# TIMEOUT: 300
# LONG: guest-generic-1 does it with one CPU
. "$(dirname "$0")/lib.sh"
new_disk vda
run_dom0 -n 2 -x "xpti=1 pv-l1tf=1" -D "$work/vda" <<'END'
cpus=2
. /payload/check-boot.sh
. /payload/guest-checks.sh
load_drivers
check toolstack toolstack_start
check told eval 'xl dmesg | grep -q "restricted roots (xpti): dom0 on, domU on"'
bridge_start
guest_servers_start
guest_life g generic 2 phy:/dev/vda /dev/vda "$vda_sum"
guest_servers_stop
finish
END
conclude
