#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Run one tiny PV kernel as dom0 of a hypervisor in QEMU and say how it ended.
#
# usage: run.sh HV ELF [kernel command line]
#   HV   hypervisor image as QEMU's -kernel takes it: build/pavis-hv, or `xen` for Debian's Xen 4.17
#   ELF  build/guests/<family>.elf
# environment: SMP (1), MEM in MiB (256), CPU (max,-smap,-monitor), XARGS more hypervisor options,
#   QARGS more QEMU options, TIMEOUT in seconds (60), LOG file for the whole output (a temporary one)
# status: 0 all tests passed, 1 a test failed, 2 no DONE line (crash or hang), 3 usage
set -u
[ $# -ge 2 ] || { sed -n '3,11s/^# \?//p' "$0"; exit 3; }
here=$(dirname "$(readlink -f "$0")")
hv=$1 elf=$2
shift 2
[ "$hv" = xen ] && { hv=$("$here/get-xen.sh") || exit 3; }
log=${LOG:-$(mktemp)}
timeout --foreground "${TIMEOUT:-60}" qemu-system-x86_64 -accel tcg -cpu "${CPU:-max,-smap,-monitor}" \
    -smp "${SMP:-1}" -m "${MEM:-256}" -nographic -vga none -no-reboot -net none ${QARGS:-} \
    -kernel "$hv" -append "console=com1 com1=115200,8n1 dom0_mem=64M,max:64M loglvl=warning guest_loglvl=all ${XARGS:-}" \
    -initrd "$elf $*" </dev/null >"$log" 2>&1
done_line=$(tr -d '\r' <"$log" | grep -a -o 'DONE [0-9]* passed [0-9]* failed' | tail -1)
tr -d '\r' <"$log" | grep -a -o -E '(TEST .*|DONE .*)$' | grep -a -v ' ok$'
if [ -z "$done_line" ]; then
    echo "no DONE line; last words:"
    tr -d '\r' <"$log" | tail -25
    status=2
elif [ "${done_line##*passed }" = "0 failed" ]; then
    status=0
else
    status=1
fi
[ -n "${LOG:-}" ] || rm -f "$log"
exit $status
