# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# The checks of the dom0-boot tests, for any number of CPUs: what a stock kernel shows of the
# hypervisor that it runs on.  Sourced in dom0 with the number of CPUs in $cpus.

check_equal cpus-online "$(nproc)" "$cpus"
check_equal hypervisor-type "$(cat /sys/hypervisor/type)" xen
check_equal guest-type "$(cat /sys/hypervisor/guest_type)" PV
check_equal version "$(cat /sys/hypervisor/version/major).$(cat /sys/hypervisor/version/minor)" 4.17
check version-extra grep -E '^(-pavis|\.[0-9]+)' /sys/hypervisor/version/extra
check capabilities grep -w xen-3.0-x86_64 /sys/hypervisor/properties/capabilities
check pagesize test -n "$(cat /sys/hypervisor/properties/pagesize)"
check virtual-start grep ffff800000000000 /sys/hypervisor/properties/virtual_start
check features grep -E '^[0-9a-f]+$' /sys/hypervisor/properties/features
check compilation test -n "$(cat /sys/hypervisor/compilation/compiler)"
check uuid grep -E '^0{8}-0{4}-0{4}-0{4}-0{12}$' /sys/hypervisor/uuid
check cpuid-hypervisor grep -w hypervisor /proc/cpuinfo
check clocksource grep -xE 'xen|tsc' /sys/devices/system/clocksource/clocksource0/current_clocksource

for module in xen-evtchn xen-gntdev xen-gntalloc xen-privcmd xenfs; do
    check "module-$module" modprobe $module
done
check xenfs mount -t xenfs xenfs /proc/xen
check xenfs-control grep control_d /proc/xen/capabilities
for device in evtchn gntdev gntalloc privcmd hypercall xenbus xenbus_backend; do
    check "dev-$device" test -c "/dev/xen/$device"
done
check memory-target test -n "$(cat /sys/devices/system/xen_memory/xen_memory0/target_kb)"

# Time goes on at the right speed: 2 s of sleep are 2 s of the clock, give or take the load here.
before=$(uptime_s)
sleep 2
check sleep-is-exact awk -v t="$(seconds_since "$before")" 'BEGIN { exit !(t >= 2.0 && t < 3.5) }'
check wall-clock test "$(date +%Y)" -ge 2025
check interrupts grep -E 'xen-dyn|xen-percpu' /proc/interrupts
check no-kernel-warning eval '! dmesg | grep -E "WARNING: |BUG: |Call Trace"'
