# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What tests/bench/run-io has dom0 (or the native kernel) do: each device in turn, and only that one.
cp /payload/iobench /tmp/iobench
chmod 755 /tmp/iobench
for module in virtio_pci virtio_blk virtio_net nvme e1000e; do modprobe $module; done
sleep 2
port=$(sed -n 's/.*\bpavis.peer=\([^ ]*\).*/\1/p' /proc/cmdline)
for disk in virtio-blk:/dev/vda nvme:/dev/nvme0n1; do
    for way in read write; do /tmp/iobench "${disk%%:*}-$way" $way "${disk#*:}" 64; done
done
for card in /sys/class/net/*; do
    case $(readlink "$card/device/driver") in
    */virtio_net) name=virtio-net net=10.0.2 ;;
    */e1000e) name=e1000e net=10.0.101 ;;
    *) continue ;;
    esac
    ip addr add $net.15/24 dev "${card##*/}"
    ip link set "${card##*/}" up
    for _ in 1 2 3 4 5 6 7 8 9 10; do ping -c 1 -W 1 $net.2 >/dev/null && break; done
    for way in send receive; do /tmp/iobench $name-$way $way $net.2 "$port" 16; done
    ip link set "${card##*/}" down
done
