# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# QEMU's side of the device tests: options are collected in $devices, for scripts/boot -q.  Sourced behind lib.sh.
devices=()

disk_device() { # name QEMU-device,option...: a new disk (lib-disk.sh) behind that device
    new_disk "$1"
    devices+=(-drive "if=none,id=$1,file=$work/$1,format=raw,cache=writeback" -device "$2,drive=$1")
}
net_device() { # byte QEMU-device,option...: a network card on a network of its own, 10.0.1<byte>.0
    devices+=(-netdev "user,id=n$1,net=10.0.1$1.0/24" -device "$2,netdev=n$1,mac=52:54:00:00:00:$1,romfile=")
}
# A second serial port that echoes: two pipes, and a process that copies from one to the other.
echo_serial() {
    mkfifo "$work/com2.in" "$work/com2.out"
    cat <"$work/com2.out" >"$work/com2.in" &
    echo_process=$!
    devices+=(-chardev "pipe,id=com2,path=$work/com2" -device "isa-serial,chardev=com2,index=1")
}
# Where devices can be plugged in on q35, by the ports' own registers (else QEMU does it by ACPI, as on pc).
root_ports() {
    devices+=(-global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off
        -device pcie-root-port,id=rp0,chassis=1,slot=1 -device pcie-root-port,id=rp1,chassis=2,slot=2)
}
# What can be plugged in later: a disk's content, known to dom0 as hot_sum, and a network.
hotplug_backends() {
    new_disk hot
    devices+=(-blockdev "raw,node-name=hot,file.driver=file,file.filename=$work/hot" -netdev user,id=n09,net=10.0.109.0/24)
}
