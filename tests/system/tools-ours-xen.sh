#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: our store, libxenstore, xenstore-* and xenconsoled do on Debian's Xen 4.17 what system/tools-ours shows on Pavis
# TIMEOUT: 300
# LONG
TOOLS=ours
export XEN=1
. "$(dirname "$0")/lib.sh"
run_tools_checks
