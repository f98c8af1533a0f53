#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: each of nine stress-ng stressors for 60 s in dom0 with 1 vCPU finds nothing wrong
# TIMEOUT: 1200
# LONG
. "$(dirname "$0")/lib.sh"
run_dom0 -a stress -d 1024 -n 1 <<'END'
. /payload/stress.sh
stress_each 60
check no-kernel-warning eval '! dmesg | grep -E "WARNING: |BUG: |Call Trace|segfault"'
finish
END
conclude
