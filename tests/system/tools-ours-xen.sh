#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: our store, libxenstore, xenstore-* and xenconsoled do on Debian's Xen 4.17 what system/tools-ours shows on Pavis
# TIMEOUT: 300
# LONG
TOOLS=ours
export XEN=1
. "$(dirname "$0")/lib.sh"
new_disk vda
echo "kill_seed=${KILL_SEED:-1}" >>"$work/env.sh"
run_dom0 -D "$work/vda" <<'END'
. /payload/guest-checks.sh
. /payload/tools-checks.sh
END
conclude
