#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: on q35, dom0's AHCI, NVMe, USB and virtio disks and e1000e and virtio cards keep every byte, while their interrupts move between 2 CPUs too; disk and card can be plugged in and out
# TIMEOUT: 180
. "$(dirname "$0")/lib.sh"
. "$top/tests/system/lib-devices.sh"
half_mib=4
disk_device ahci ide-hd,bus=ide.0
disk_device nvme nvme,serial=nvme,max_ioqpairs=4
disk_device modern virtio-blk-pci,disable-legacy=on,serial=modern,num-queues=2
devices+=(-device qemu-xhci,id=xhci)
disk_device usb usb-storage,bus=xhci.0
net_device 01 e1000e
net_device 02 virtio-net-pci,disable-legacy=on,mq=on
root_ports
hotplug_backends
run_dom0 -n 2 -M q35 -x dom0_vcpus_pin -a devices -q "${devices[*]}" <<'END'
. /payload/devices.sh
check network net_start # the machine's usual card: virtio, transitional
for module in ahci sd_mod nvme xhci-pci usb-storage e1000e; do modprobe $module; done
for disk in modern ahci nvme usb; do disk_check $disk; done
net_check e1000e 01
net_check virtio-net 02
check nvme-queues eval "[ $(irq_numbers nvme0q | wc -l) -ge 3 ]"
affinity_check 200 'xen-pirq +-msi(-x)? +[A-Za-z]' modern ahci nvme
hotplug_rounds 1 nvme,serial=hot,bus=rp0 virtio-net-pci,bus=rp1
finish
END
check_disks modern ahci nvme usb
conclude
