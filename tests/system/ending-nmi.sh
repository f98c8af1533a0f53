#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: an NMI of the board is passed to dom0, ignored or fatal as nmi= says; a corrected machine check is logged, an uncorrected one stops the machine with its bank
# TIMEOUT: 90
[ "${XEN:-}" != 1 ] || { echo "about this hypervisor's own words"; exit 77; }
exec "$(dirname "$0")/lib-ending.py" nmi
