#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: the watchdog finds a CPU that hangs with interrupts off, with one CPU and with several, names it, and raises no false alarm
# TIMEOUT: 120
[ "${XEN:-}" != 1 ] || { echo "about this hypervisor's own words"; exit 77; }
exec "$(dirname "$0")/lib-ending.py" watchdog
