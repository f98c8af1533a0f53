#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: a few machines that differ most boot the stock dom0 to its shell (matrix.sh has all)
# TIMEOUT: 120
# CPUS: 2
. "$(dirname "$0")/lib.sh"
. "$top/tests/system/lib-matrix.sh"
cell q35 qemu64 2 direct
cell pc EPYC 1 direct
cell q35 Skylake-Client 1 uefi
cell pc max,-xsave,-pdpe1gb 2 direct
conclude_cells
