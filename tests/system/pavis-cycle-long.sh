#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: 1,000 tiny guests are made and ended, every fifth with its maker or destroyer killed at a random system call: nothing is left behind
# TIMEOUT: 3000
# LONG
TOOLS=ours
. "$(dirname "$0")/lib.sh"
. "$top/tests/system/lib-cycle.sh"
new_disk vda
cycles 1000 "${KILL_SEED:-2}"
conclude
