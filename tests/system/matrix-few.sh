#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: a few machines that differ most boot the stock dom0 to its shell (matrix.sh has all)
# TIMEOUT: 200
# CPUS: 1
. "$(dirname "$0")/lib.sh"
. "$top/tests/system/lib-matrix.sh"
cell q35 qemu64 1 direct
cell pc EPYC 1 direct
cell q35 Skylake-Client 1 uefi
cell pc max,-xsave,-pdpe1gb 1 direct
conclude_cells
