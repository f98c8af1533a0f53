# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What tests/bench/run-blk has dom0 do: a guest with one disk, a RAM disk of dom0's, which the kernel's back end
# or ours serves; it works the disk between marks.
. /payload/dom0.sh
modprobe brd rd_nr=1 rd_size=65536
dd if=/dev/urandom of=/dev/ram0 bs=1M count=64 2>/dev/null
toolstack_start
guest_files=payload/blkbench
# shellcheck disable=SC2154 # from env.sh
guest_config bench "$flavour" 1 192
# shellcheck disable=SC2154 # from env.sh
case $backend in
kernel)
    modprobe xen-blkback
    echo "disk = [ 'phy:/dev/ram0,xvda,w' ]" >>/tmp/bench.cfg
    xl create -p -q /tmp/bench.cfg
    ;;
ours)
    # shellcheck disable=SC2086 # words on purpose
    /payload/blkback --pid-file /run/blkback.pid -v $backend_options
    xl create -p -q /tmp/bench.cfg
    guest=$(xl domid bench)
    back=/local/domain/0/backend/pvblk/$guest/51712 front=/local/domain/$guest/device/vbd/51712
    xenstore-write "$front/backend" "$back" "$front/backend-id" 0 "$front/virtual-device" 51712 \
        "$front/device-type" disk "$front/state" 1
    xenstore-chmod -r "$front" "n$guest" r0
    xenstore-write "$back/frontend" "$front" "$back/frontend-id" "$guest" "$back/params" /dev/ram0 "$back/mode" w \
        "$back/online" 1 "$back/state" 1
    xenstore-chmod -r "$back" n0 "r$guest"
    ;;
esac
xl unpause bench
timeout 400 tail -n +1 -f "$(guest_log bench)" | sed '/^blkbench: /q' | grep -a -E 'BLK|blkbench'
sleep 1
dmesg | grep -a -i blkback | tail -3
grep -a -iE '^ffff.* t ' /proc/kallsyms >/tmp/kallsyms
modprobe virtio_pci && modprobe virtio_blk && sleep 1
[ ! -e /dev/vda ] || dd if=/tmp/kallsyms of=/dev/vda bs=1M oflag=direct conv=sync
