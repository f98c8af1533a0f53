#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: GRUB under BIOS loads the hypervisor by Multiboot 2 and dom0 by module2; both CPUs, ACPI, disk and text screen are there, and a hole in the middle of memory is left alone
# TIMEOUT: 120
. "$(dirname "$0")/lib.sh"
new_disk vda
run_dom0 -b bios -n 2 -D "$work/vda" -q "-vga std" -g 'cutmem 0x20000800 0x24001800' <<'END'
cpus=2
. /payload/check-boot.sh
check loader grep -qw placeholder /proc/cmdline
check acpi test -s /sys/firmware/acpi/tables/APIC
check hole eval 'grep -q "^00100000-1fffffff : System RAM" /proc/iomem && grep -q "^24002000-.* : System RAM" /proc/iomem'
check no-efi test ! -e /sys/firmware/efi
check text-screen eval 'dmesg | grep -q "Console: colour VGA+ 80x25"'
load_drivers
wait_for 10 test -b /dev/vda
check_equal disk "$(region_sum /dev/vda 0 $half_mib)" "$vda_sum"
finish
END
grep -q '(XEN) .*started by GRUB' "$console" || problem "not started by GRUB"
grep -q '(XEN)  0000000000100000 - 00000000200007ff usable' "$console" || problem "no hole in the memory map"
grep -q '(XEN)  0000000024001800 - .* usable' "$console" || problem "nothing behind the hole"
conclude
