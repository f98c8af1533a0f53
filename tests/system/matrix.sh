#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: every machine type with every firmware, CPU model and number of CPUs boots the stock dom0 to its shell
# TIMEOUT: 2700
# CPUS: 4
# LONG
. "$(dirname "$0")/lib.sh"
. "$top/tests/system/lib-matrix.sh"
for firmware in direct bios uefi; do
    for machine in pc q35; do
        # The last two: no 1 GiB pages, so 2 MiB ones in the direct map; no XSAVE, so FXSAVE switches state.
        for cpu in max qemu64 EPYC Skylake-Client max,-pdpe1gb max,-xsave; do
            for cpus in 1 2 4; do
                cell $machine $cpu $cpus "$firmware"
            done
        done
    done
    cell pc max 8 "$firmware"
    cell q35 max 16 "$firmware"
done
conclude_cells
