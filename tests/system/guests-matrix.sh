#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: the tiny kernels find the same answers on every CPU model, with and without XSAVE, 1 GiB pages, PGE
# TIMEOUT: 300
# LONG
. "$(dirname "$0")/lib.sh"
hv=${HV:-$top/build/pavis-hv}
passed=0 failed=0
# Some answers differ where the processor has Meltdown and L1TF, and a kernel knows only what it is told:
# guests-xpti/* has those.
export HVARGS="xpti=0 pv-l1tf=0"
for cpu in qemu64 EPYC,-smap Skylake-Client,-smap,-monitor max,-smap,-monitor,-xsave \
    max,-smap,-monitor,-pdpe1gb qemu64,-pge; do
    bad=
    for kernel in "$top"/build/guests/*.elf; do
        CPU=$cpu TIMEOUT=$(awk -v f="${TIME_FACTOR:-1}" 'BEGIN { print int(60 * f) }') \
            "$top/tests/guests/run.sh" "$hv" "$kernel" >"$work/out" 2>&1 || {
            bad+=" $(basename "$kernel" .elf)"
            tail -5 "$work/out"
        }
    done
    if [ -z "$bad" ]; then
        echo "TEST tiny-kernels-$cpu ok"
        passed=$((passed + 1))
    else
        echo "TEST tiny-kernels-$cpu FAIL$bad"
        failed=$((failed + 1))
    fi
done
echo "DONE $passed passed $failed failed"
[ $failed = 0 ]
