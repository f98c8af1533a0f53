# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What tests/bench/run-net has dom0 do: two guests, each with one network card on a bridge, which the kernel's back end
# or ours serves; one moves data to and from dom0 and the other, between marks.
. /payload/dom0.sh
netback_start() { :; } # this one's own, below
toolstack_start
modprobe tun
bridge_start
# shellcheck disable=SC2034 # for guest_config
guest_files=payload/netbench
# Not in one transaction, so "frontend", for which netback waits, comes last.
pvnet() { # GUEST MAC
    local guest back=/local/domain/0/backend/pvnet front
    guest=$(xl domid "$1")
    back=$back/$guest/0 front=/local/domain/$guest/device/vif/0
    xenstore-write "$back/frontend-id" "$guest" "$back/handle" 0 "$back/mac" "$2" "$back/network" lan \
        "$back/bridge" xenbr0 "$back/online" 1 "$back/state" 1
    xenstore-chmod -r "$back" n0 "r$guest"
    xenstore-write "$front/backend-id" 0 "$front/handle" 0 "$front/mac" "$2" "$front/state" 1 "$front/backend" "$back"
    xenstore-chmod -r "$front" "n$guest" r0
    xenstore-write "$back/frontend" "$front"
}
# shellcheck disable=SC2086,SC2154 # words on purpose; from env.sh
[ "$backend" != ours ] || /payload/netback --pid-file /run/netback.pid -v $backend_options
/payload/netbench serve &
# shellcheck disable=SC2154 # from env.sh
for n in 3 2; do
    mac=00:16:3e:00:00:0$n vif=
    [ "$backend" = ours ] || vif="vif = [ 'bridge=xenbr0,mac=$mac' ]"
    guest_config bench$n "$flavour" 1 192 "pavis.ip=10.9.0.$n pavis.rows=${rows// /,}" "$vif"
    xl create -p -q /tmp/bench$n.cfg
    [ "$backend" != ours ] || pvnet bench$n $mac
    xl unpause bench$n
done
timeout 500 tail -n +1 -f "$(guest_log bench2)" | sed '/^netbench: /q' | grep -a -E 'NET|netbench'
sleep 1
[ "$backend" != ours ] || { /payload/netback -s; dmesg | grep -a -i netback | tail -3; }
ip -s link show | grep -a -A5 -E 'vif|pvlan'
grep -a -iE '^ffff.* t ' /proc/kallsyms >/tmp/kallsyms
modprobe virtio_pci && modprobe virtio_blk && sleep 1
[ ! -e /dev/vda ] || dd if=/tmp/kallsyms of=/dev/vda bs=1M oflag=direct conv=sync
