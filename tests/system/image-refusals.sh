#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: kexec and processor hot-plug by tools are refused with an error and without harm; dom0's own CPUs go off and on
# TIMEOUT: 300
# CPUS: 2
# LONG
. "$(dirname "$0")/lib.sh"
. "$top/tests/system/lib-image.sh"
run_image -n 2 -x 'dom0_mem=1024M,max:1024M' <<'END'
. /payload/image-long.sh
image_settled
kernel=$(echo /boot/vmlinuz-*)
refused() { # NAME COMMAND...: it fails, says why, and nothing broke
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then
        fail "$name" "'$*' was accepted"
    else
        check_equal "$name" "${output:+said why}" 'said why'
        note "$name: $(echo "$output" | tail -1)"
    fi
}
refused kexec-load kexec -l "$kernel" --reuse-cmdline
refused kexec-crash-load kexec -p "$kernel" --reuse-cmdline
refused kexec-exec kexec -e --no-ifdown
refused cpu-offline xen-hptool cpu-offline 1
refused cpu-online xen-hptool cpu-online 1
for round in 1 2 3; do
    check "off-$round" eval 'echo 0 >/sys/devices/system/cpu/cpu1/online'
    check_equal "cpus-off-$round" "$(nproc)" 1
    check "on-$round" eval 'echo 1 >/sys/devices/system/cpu/cpu1/online'
    check_equal "cpus-on-$round" "$(nproc)" 2
    check_equal "runs-$round" "$(taskset -c 1 cut -d' ' -f39 /proc/self/stat)" 1
done
check_equal still-running "$(systemctl is-system-running)" running
check_equal xl-still "$(xl list | awk 'NR == 2 { print $1 }')" Domain-0
check no-kernel-warning eval '! dmesg | grep -E "WARNING: |BUG: |Call Trace"'
finish
END
conclude
