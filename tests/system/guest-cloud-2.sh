#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: dom0 hosts a guest (cloud kernel, 2 vCPUs, disk, bridge): its data, xl's verbs, nothing left
# TIMEOUT: 200
# LONG
. "$(dirname "$0")/lib.sh"
new_disk vda
run_dom0 -D "$work/vda" <<'END'
. /payload/guest-checks.sh
load_drivers
check toolstack toolstack_start
bridge_start
guest_servers_start
guest_life g cloud 2 phy:/dev/vda /dev/vda "$vda_sum"
guest_servers_stop
finish
END
conclude
