#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Run one tiny PV kernel as dom0 of a hypervisor in QEMU, once per line that tests/guests/families has for
# it, and say how it ended.
#
# usage: run.sh HV ELF [kernel command line]
#   HV   hypervisor image as QEMU's -kernel takes it: build/pavis-hv, or `xen` for Debian's Xen 4.17
#   ELF  build/guests/<family>.elf
# environment: SMP (1), MEM in MiB (512), CPU (max,-smap,-monitor), XARGS and HVARGS more hypervisor options,
#   QARGS more QEMU options, ARGS more kernel command line, TIMEOUT in seconds per run (60), INJECT=1: the
#   hypervisor of `make inject` if it stands beside HV, LOG file for the consoles (a temporary one); with SMP or
#   XARGS given, the families file is not looked at; HVARGS is for each of its lines
# status: 0 all tests passed, 1 a test failed, 2 no DONE line (crash or hang), 3 usage
set -u
[ $# -ge 2 ] || {
    sed -n '3,14s/^# \?//p' "$0"
    exit 3
}
here=$(dirname "$(readlink -f "$0")")
hv=$1 elf=$2
shift 2
[ "$hv" != xen ] || hv=$("$here/get-xen.sh") || exit 3
[ -f "$hv" ] && [ -f "$elf" ] || {
    echo "run.sh: no $hv or no $elf; make it first"
    exit 3
}
log=${LOG:-$(mktemp)}
worst=0
: >"$log"

# once "kernel command line": one run with the settings in the environment
once() {
    local out done_line xargs=${XARGS:-} image=$hv
    [ -z "${INJECT:-}" ] || [ ! -f "$hv-inject" ] || image=$hv-inject
    out=$(mktemp)
    # shellcheck disable=SC2086 # QARGS is a list of options
    timeout --foreground "${TIMEOUT:-60}" qemu-system-x86_64 -accel tcg -cpu "${CPU:-max,-smap,-monitor}" \
        -smp "${SMP:-1}" -m "${MEM:-512}" -nographic -vga none -no-reboot -net none ${QARGS:-} -kernel "$image" \
        -append "console=com1 com1=115200,8n1 dom0_mem=64M,max:64M loglvl=warning guest_loglvl=all ${HVARGS:-} ${xargs//+/ }" \
        -initrd "$elf $1" </dev/null 2>&1 | tr -d '\r' >"$out"
    cat "$out" >>"$log"
    grep -a -o -E '(TEST .*|DONE .*)$' "$out" | grep -a -v ' ok$'
    done_line=$(grep -a -o 'DONE [0-9]* passed [0-9]* failed' "$out" | tail -1)
    if [ -z "$done_line" ]; then
        echo "no DONE line; last words:"
        tail -25 "$out"
        worst=2
    elif [ "${done_line##*passed }" != "0 failed" ] && [ $worst = 0 ]; then
        worst=1
    fi
    rm -f "$out"
}

mapfile -t lines < <(awk -v f="$(basename "$elf" .elf)" '$1 == f { $1 = ""; print }' "$here/families")
if [ -n "${SMP:-}${XARGS:-}" ] || [ ${#lines[@]} = 0 ]; then
    lines=("")
fi
for settings in "${lines[@]}"; do
    [ -z "${settings// /}" ] || echo "with$settings"
    # shellcheck disable=SC2086 # a list of assignments
    eval "$(for s in $settings; do printf 'export %q;' "${s//+/ }"; done)"
    once "$* ${ARGS:-}"
    for s in $settings; do unset "${s%%=*}"; done
done
[ -n "${LOG:-}" ] || rm -f "$log"
exit $worst
