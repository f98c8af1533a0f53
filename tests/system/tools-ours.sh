#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: our store, libxenstore, xenstore-* and xenconsoled serve Debian's xl and a guest; killed at random meanwhile, they are missed by nobody
# TIMEOUT: 300
TOOLS=ours
. "$(dirname "$0")/lib.sh"
run_tools_checks
