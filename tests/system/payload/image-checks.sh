# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What a full Debian dom0 (`make image`) must show on either firmware.  Sourced in dom0; $firmware is bios
# or uefi, $cpus the machine's, $vdb_sum the checksum of the second disk's first half.

busy() { [ "$(systemctl is-system-running)" = starting ]; }

image_system() {
    wait_for 300 eval '! busy'
    check_equal system-state "$(systemctl is-system-running)" running
    check_equal failed-units "$(systemctl --failed --no-legend --plain | awk '{ print $1 }' | paste -sd,)" ''
    check multi-user systemctl is-active multi-user.target
    echo "FIGURE $(systemd-analyze | head -1)"
    check_equal cpus "$(nproc)" "$cpus"
    check_equal hypervisor "$(cat /sys/hypervisor/type) $(cat /sys/hypervisor/guest_type)" "xen PV"
    check acpi-tables test -s /sys/firmware/acpi/tables/APIC
    check acpi-enabled eval 'dmesg | grep -q "ACPI: Interpreter enabled"'
    check pci-interrupts eval 'dmesg | grep -qE "ACPI: PCI: Interrupt link|ACPI: PCI Root Bridge"'
    if [ "$firmware" = uefi ]; then
        check efi test -d /sys/firmware/efi
        check efi-variables eval 'efibootmgr | grep -q BootCurrent'
    else
        check no-efi test ! -d /sys/firmware/efi
    fi
    check no-kernel-warning eval '! dmesg | grep -E "WARNING: |BUG: |Call Trace"'
}

image_devices() {
    check_equal root-disk "$(findmnt -no SOURCE /)" /dev/vda3
    check esp-mounted test -d /boot/efi/EFI/BOOT
    check root-writable eval 'dd if=/dev/urandom of=/root/big bs=1M count=8 conv=fsync status=none'
    check_equal disk-read "$(region_sum /dev/vdb 0 "$half_mib")" "$vdb_sum"
    local written
    written=$(fill_region /dev/vdb "$half_mib" "$half_mib")
    check_equal disk-read-back "$(region_sum /dev/vdb "$half_mib" "$half_mib")" "$written"
    check network wait_for 60 eval 'ip -4 addr show scope global | grep -q 10.0.2.'
    check_equal tcp "$(peer GET 1048576 | sha256sum | cut -d' ' -f1)" "$(peer SUM 1048576)"
}

image_toolstack() {
    local unit
    for unit in store console blkback netback supervisor guests; do
        check "unit-$unit" systemctl is-active "pavis-$unit"
    done
    check_equal debians-unit "$(systemctl is-active xen)" inactive
    check_equal programs-are-ours "$(readlink /proc/$(pgrep -ox xenstored)/exe)" /usr/local/sbin/xenstored
    check doctor pavis doctor
    check_equal xl-list "$(xl list | awk 'NR == 2 { print $1 }')" Domain-0
    check_equal dom0-name "$(xenstore-read /local/domain/0/name)" Domain-0
    check xl-info eval 'xl info | grep -E "xen_version *: 4.17"'
    check_equal refused-hotplug "$(xen-hptool cpu-offline 0 >/dev/null 2>&1 && echo accepted)" ''
}

# The first thing that a person does; a killed daemon; guests that live when the machine goes down.
image_guests() {
    local before
    check_equal run-uname "$(pavis run -- uname -r </dev/null)" "$(uname -r)"
    pavis run --disk /var/lib/pavis/debian.img,overlay --net nat -- bash -c \
        '. /etc/os-release; echo "$ID $(hostname -I 2>/dev/null || ip -4 -o addr show eth0)"; exit 7' </dev/null >/root/run.out
    check_equal run-debian "$? $(cut -d' ' -f1 /root/run.out)" '7 debian'
    check run-nat grep -q '10\.' /root/run.out
    before=$(systemctl show -P MainPID pavis-blkback)
    kill -9 "$before"
    check blkback-again wait_for 30 eval 'pid=$(systemctl show -P MainPID pavis-blkback); [ "$pid" != 0 ] && [ "$pid" != '"$before"' ]'
    check run-detach pavis run --detach --name last -- sh -c 'echo at-work; sleep 1000'
    check guest-up wait_for 120 grep -q at-work /var/log/xen/guest-last.log
    check guests-end systemctl stop pavis-guests
    check_equal guest-code "$(pavis wait last)" 143
    check guests-start systemctl start pavis-guests
}

# What a kernel's installation runs: the entry is made again, for the hypervisor of this disk.
image_update_grub() {
    check update-grub update-grub
    check_equal entry "$(grep -m1 -o 'multiboot2.*/boot/xen[^ ]*' /boot/grub/grub.cfg | awk '{ print $2 }')" /boot/xen-pavis.gz
}

# apt and dpkg at work, from a package on the payload disk; and from the archive where there is a network.
image_apt() {
    local package
    package=$(echo /payload/*.deb)
    check apt-install env DEBIAN_FRONTEND=noninteractive apt-get -y install "$package"
    check installed eval 'ldconfig -p | grep -q libJudy' # dpkg's trigger has run
    check apt-remove env DEBIAN_FRONTEND=noninteractive apt-get -y purge libjudydebian1
    check dpkg-audit test -z "$(dpkg --audit)"
    if timeout 20 bash -c 'exec 3<>/dev/tcp/deb.debian.org/80' 2>/dev/null; then
        # One small list: in an emulator the large ones cost minutes.
        local options=(-o Dir::Etc::SourceList=/root/one.list -o Dir::Etc::SourceParts=-)
        grep bookworm-updates /etc/apt/sources.list >/root/one.list
        check apt-update apt-get "${options[@]}" update
        check apt-simulate apt-get "${options[@]}" -s install ca-certificates
    else
        note "no network to the archive: apt-get update is not tried"
    fi
}
