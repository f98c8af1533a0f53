#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: 32-bit programs run in a 64-bit dom0: system calls by INT 0x80, SYSENTER and SYSCALL, signals, faults, forks
# TIMEOUT: 180
. "$(dirname "$0")/lib.sh"
gcc -m32 -O1 -ffreestanding -fno-pic -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables \
    -nostdlib -static -no-pie -Wall -Werror -o "$work/ia32" "$top/tests/system/programs/ia32.c"
program='
check_equal vendor "$(awk "/vendor_id/ { print \$3; exit }" /proc/cpuinfo)" "$vendor"
for copy in 1 2 3; do
    check "program-$copy" /payload/ia32
done
# Two at once share a CPU: what one entry leaves behind would meet the other.
at_once() { /payload/ia32 & /payload/ia32; local a=$?; wait $! && [ $a = 0 ]; }
check at-once at_once
finish
'
# AMD'"'"'s processors enter the kernel by SYSCALL from 32-bit code, Intel'"'"'s by SYSENTER.
echo "vendor=AuthenticAMD; $program" | run_dom0 -c max "$work/ia32"
echo "vendor=GenuineIntel; $program" | run_dom0 -c max,vendor=GenuineIntel "$work/ia32"
conclude
