#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: no operation costs more instructions inside the hypervisor than tests/bench/bars allows
# TIMEOUT: 120
set -euo pipefail
cd "$(dirname "$0")/../.."
[ "${XEN:-}" != 1 ] || { echo "the bars are Pavis's"; exit 77; }
make -s --no-print-directory build/bench/guestbench build/bench/tinybench.elf build/bench/hvprofile.so
exec tests/bench/run-bars
