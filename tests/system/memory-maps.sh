#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: dom0 boots on 512 MiB to 16 GiB, wherever the hole below 4 GiB lies, and with holes of any size elsewhere
# TIMEOUT: 300
# LONG
. "$(dirname "$0")/lib.sh"
. "$top/tests/system/lib-matrix.sh"
cell pc max 1 direct -m 512
cell q35 max 1 direct -m 3072 -d 0                        # dom0 gets all but the reserve
cell pc max 1 direct -m 4096                              # the hole from 3 GiB on
cell q35 max 1 direct -m 5120                             # the hole from 2 GiB on
cell pc,max-ram-below-4g=256M max 1 direct -m 4096        # nearly everything above 4 GiB
cell q35,max-ram-below-4g=1G max,-pdpe1gb 1 direct -m 8192
cell pc max 2 direct -m 16384
cell q35 max 1 direct -m 16384 -d 2048
# Holes that are not of whole frames, in the middle of what would be one block, and up to the end.  (One where
# Linux itself lies, at 16 MiB, it refuses, on Xen too.)
cell pc max 2 bios -m 2048 -d 900 -g 'cutmem 0x8000800 0x8001800; cutmem 0x20000000 0x32345678; cutmem 0x60001000 0x80000000'
expect_map() { grep -q "(XEN)  $1 usable" "$console" || { echo "TEST map FAIL no $1"; failed_cells+=("$1"); }; }
expect_map '0000000000100000 - 00000000080007ff'
expect_map '0000000008001800 - 000000001fffffff'
expect_map '0000000032345678 - 0000000060000fff'
conclude_cells
