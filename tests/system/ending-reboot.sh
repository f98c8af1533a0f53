#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: each way of reboot= restarts the machine by just that way, with the firmware's warm-start word as asked for
# TIMEOUT: 60
[ "${XEN:-}" != 1 ] || { echo "about this hypervisor's own words"; exit 77; }
exec "$(dirname "$0")/lib-ending.py" reboot
