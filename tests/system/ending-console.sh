#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: the log is on the text screen until dom0 starts or for good, its ring, stamps and clock follow their options, and every debug key works from the serial port
# TIMEOUT: 90
[ "${XEN:-}" != 1 ] || { echo "about this hypervisor's own words"; exit 77; }
exec "$(dirname "$0")/lib-ending.py" console
