#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: 50 tiny guests are made and ended, every fifth with its maker or destroyer killed at a random system call: nothing is left behind
# TIMEOUT: 400
TOOLS=ours
. "$(dirname "$0")/lib.sh"
. "$top/tests/system/lib-cycle.sh"
new_disk vda
cycles 50 "${KILL_SEED:-1}"
conclude
