#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: our store, libxenstore, xenstore-* and xenconsoled serve Debian's xl and a guest; killed at random meanwhile, they are missed by nobody
# TIMEOUT: 300
TOOLS=ours
. "$(dirname "$0")/lib.sh"
new_disk vda
echo "kill_seed=${KILL_SEED:-1}" >>"$work/env.sh"
run_dom0 -D "$work/vda" <<'END'
. /payload/guest-checks.sh
. /payload/tools-checks.sh
END
conclude
