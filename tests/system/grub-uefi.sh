#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: GRUB under UEFI: dom0 finds ACPI, SMBIOS and the screen, reads and writes EFI variables, which outlive a reboot by the firmware
# TIMEOUT: 200
. "$(dirname "$0")/lib.sh"
run_dom0 -b uefi -M q35 -n 2 -r -q "-vga std" <<'END'
variables=/sys/firmware/efi/efivars
# Of this vendor (Linux's own, for kernel crashes) the kernel lets everything be removed again.
mine=$variables/PavisTest-cfc8fc79-be2e-4ddc-97f0-9f98bfe298a0
value='\007\000\000\000it is still here' # attributes: non-volatile, boot services, runtime

check efi test -d /sys/firmware/efi
modprobe efivarfs
check efivarfs mount -t efivarfs efivarfs $variables
if [ ! -e $mine ]; then
    cpus=2
    . /payload/check-boot.sh
    check acpi test -s /sys/firmware/acpi/tables/APIC
    check smbios grep -q QEMU /sys/class/dmi/id/sys_vendor
    check config-table grep -q ACPI20= /sys/firmware/efi/systab
    check vendor eval 'dmesg | grep -q "efi: EFI v.* by EDK II"'
    check screen grep -q 'EFI VGA' /proc/fb
    check secure-boot-variable eval 'ls $variables/SecureBoot-*'
    check boot-order eval '[ "$(stat -c %s $variables/BootOrder-*)" -ge 6 ]'
    check many-variables eval '[ "$(ls $variables | wc -l)" -ge 20 ]'
    check all-readable eval 'cat $variables/* >/dev/null'
    check clock grep -qE '^20[2-9][0-9]-' /sys/class/rtc/rtc0/date
    # shellcheck disable=SC2059 # it is octal on purpose
    check write eval 'printf "$value" >$mine'
    note "$failed failures before the reboot"
    [ "$failed" = 0 ] || finish # the second boot cannot know
    reboot -f
    sleep 60
    fail reboot "dom0 still runs a minute after reboot"
else
    pass reboot
    check_equal variable-kept "$(cat $mine | tail -c +5)" 'it is still here' # attributes first; no seeking
    check variable-removed rm -f $mine
    check gone test ! -e $mine
fi
finish
END
[ "$(grep -c '(XEN) .*started by GRUB' "$console")" = 2 ] || problem "the machine was not started twice by GRUB"
conclude
