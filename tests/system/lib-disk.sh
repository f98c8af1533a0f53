# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Disks for a run, in $work: 2 x 8 MiB, of which the first half is given random content here and a run
# fills the second.  What dom0 must know goes to $work/env.sh as NAME_sum.
half_mib=8
new_disk() { # name
    head -c ${half_mib}M /dev/urandom >"$work/$1"
    truncate -s $((2 * half_mib))M "$work/$1"
    echo "${1}_sum=$(head -c ${half_mib}M "$work/$1" | sha256sum | cut -d' ' -f1)" >>"$work/env.sh"
}
second_half_sum() { tail -c ${half_mib}M "$work/$1" | sha256sum | cut -d' ' -f1; }
check_disks() { # name...: dom0 told with "WRITTEN name checksum" what it left in each second half
    local name
    for name; do
        [ "$(sed -n "s/.*WRITTEN $name \([0-9a-f]*\).*/\1/p" "$console")" = "$(second_half_sum "$name")" ] ||
            problem "the host finds other bytes on disk $name"
    done
}
