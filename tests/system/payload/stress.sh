# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# stress-ng's stressors that hit what a hypervisor does for a PV kernel: address spaces, faults, signals,
# system calls, timers.  Each verifies its own results.

stressors="fork vm mmap mprotect mremap signal futex pthread timer"
stress_options="--verify --vm-bytes 48M --mmap-bytes 32M --mremap-bytes 16M --temp-path /tmp --oomable"

stress_all() { # seconds: all at once
    local options=() name
    for name in $stressors; do options+=("--$name" 1); done
    # shellcheck disable=SC2086  # a list of options
    stress-ng $stress_options --timeout "$1" "${options[@]}"
}
stress_each() { # seconds: one after the other, as many of it as there are CPUs
    local name
    for name in $stressors; do
        # shellcheck disable=SC2086
        check "stress-$name" stress-ng $stress_options --timeout "$1" "--$name" 0
    done
}
