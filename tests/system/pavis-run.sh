#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: pavis run returns its command's exit code and bytes exactly, over an overlay and by DHCP, and a killed one leaves nothing
# TIMEOUT: 180
TOOLS=ours
. "$(dirname "$0")/lib.sh"
run_dom0 <<'END'
. /payload/guest-checks.sh
. /payload/pavis-checks.sh
. /payload/run-checks.sh
load_drivers
check toolstack toolstack_start
bridge_start
run_checks_few
finish
END
conclude
