#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: when dom0 crashes, is crashed or shuts down, the log says who and why, and the machine restarts within ten seconds or stops, as noreboot and reboot= say
# TIMEOUT: 90
[ "${XEN:-}" != 1 ] || { echo "about this hypervisor's own words"; exit 77; }
exec "$(dirname "$0")/lib-ending.py" dom0
