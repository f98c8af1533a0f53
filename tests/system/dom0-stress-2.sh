#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: nine stress-ng stressors at once for 20 s in dom0 with 2 vCPUs find nothing wrong
# TIMEOUT: 200
. "$(dirname "$0")/lib.sh"
run_dom0 -a stress -d 1024 -n 2 <<'END'
. /payload/stress.sh
check stress-ng stress_all 20
check no-kernel-warning eval '! dmesg | grep -E "WARNING: |BUG: |Call Trace|segfault"'
finish
END
conclude
