#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: on pc, dom0's legacy IDE and transitional virtio disks, e1000 and second serial port keep every byte; disk and card can be plugged in and out; a line that storms is switched off and stops nothing else
# TIMEOUT: 150
. "$(dirname "$0")/lib.sh"
. "$top/tests/system/lib-devices.sh"
half_mib=4
disk_device ide ide-hd,bus=ide.0
disk_device transitional virtio-blk-pci,disable-modern=off,disable-legacy=off,serial=transitional
net_device 01 e1000,addr=0x8
devices+=(-device edu,addr=0xc) # shares the line of e1000
echo_serial
hotplug_backends
run_dom0 -a devices -q "${devices[*]}" <<'END'
. /payload/devices.sh
check network net_start
for module in ata_piix sd_mod e1000; do modprobe $module; done
for disk in transitional ide; do disk_check $disk; done
net_check e1000 01
serial_check
hotplug_rounds 4 virtio-blk-pci,disable-legacy=on,serial=hot e1000e
storm_check 01 transitional
finish
END
kill "$echo_process" 2>/dev/null || true
check_disks transitional ide
conclude
