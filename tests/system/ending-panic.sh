#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: a panic on any CPU, with the log's lock held, or within a panic, stops all CPUs, prints its evidence, and ends the machine as noreboot says
# TIMEOUT: 90
[ "${XEN:-}" != 1 ] || { echo "about this hypervisor's own words"; exit 77; }
exec "$(dirname "$0")/lib-ending.py" panic
