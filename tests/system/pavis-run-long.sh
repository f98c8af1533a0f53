#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: pavis run returns its command's exit code and bytes exactly, uses disks and networks, and leaves nothing however it ends
# TIMEOUT: 360
# LONG
TOOLS=ours
. "$(dirname "$0")/lib.sh"
new_disk vda
run_dom0 -D "$work/vda" <<'END'
. /payload/guest-checks.sh
. /payload/pavis-checks.sh
. /payload/run-checks.sh
load_drivers
check toolstack toolstack_start
bridge_start
run_checks_few
run_checks_more
finish
END
conclude
