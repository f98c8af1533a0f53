#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: Debian's xl, xenconsoled and hotplug scripts host a guest on our libxenstore and xenstore-*
# TIMEOUT: 240
. "$(dirname "$0")/lib.sh"
new_disk vda
make -s -C "$top" libxenstore xenstore-tools >/dev/null
root=$top/build/root/usr
mkdir "$work/lib"
cp "$root/lib/x86_64-linux-gnu/libxenstore.so.4.0" "$work/lib/libxenstore.so.4"
run_dom0 -D "$work/vda" "$work/lib/libxenstore.so.4" "$root/bin/xenstore" "$root/bin/xenstore-control" <<'END'
. /payload/guest-checks.sh
debian=$LD_LIBRARY_PATH
export LD_LIBRARY_PATH=/payload:$LD_LIBRARY_PATH PATH=/tmp/ours:$PATH
mkdir /tmp/ours
for name in read write ls list rm exists chmod watch; do ln -s /payload/xenstore /tmp/ours/xenstore-$name; done

load_drivers
check toolstack toolstack_start
for name in xl xenconsoled xenstore-ls; do
    check "runs-on-ours-$name" eval "ldd_says() { LD_TRACE_LOADED_OBJECTS=1 $name; }; ldd_says | grep /payload/libxenstore"
done
check consoled-loaded eval 'grep -q /payload/libxenstore /proc/$(cat /run/xenconsoled.pid)/maps'
bridge_start
guest_servers_start
guest_start l cloud 1 phy:/dev/vda
check_equal disk-read "$(guest_said l disk-read)" "$vda_sum"
check ping ping -c 1 -W 2 10.9.0.2
check console console_answers l

# The whole store as both show it; nothing changes meanwhile.
theirs() { LD_LIBRARY_PATH=$debian /usr/bin/xenstore "$@"; }
check_equal ls "$(/payload/xenstore ls -fp | sha256sum)" "$(theirs ls -fp | sha256sum)"

# Through the kernel's device instead of the socket, watches too.
export XENSTORED_PATH=/dev/xen/xenbus
check_equal device-ls "$(/payload/xenstore ls -fp | sha256sum)" "$(theirs ls -fp | sha256sum)"
check device-write /payload/xenstore write /tool/device one /tool/device/x two
check_equal device-read "$(/payload/xenstore read -p /tool/device /tool/device/x)" "$(theirs read -p /tool/device /tool/device/x)"
check_equal device-watch "$(/payload/xenstore watch -n 2 /tool/device /tool/device/x)" "$(printf '/tool/device\n/tool/device/x')"
check device-rm /payload/xenstore rm -t /tool/device/x
check device-refuses eval '! /payload/xenstore read /tool/device/x'
unset XENSTORED_PATH

check control eval '/payload/xenstore-control check && /payload/xenstore-control help | grep -q live-update'
check watch-death eval '(sleep 1; xl destroy l) & [ "$(timeout 30 xenstore-watch -n 2 @releaseDomain)" = "@releaseDomain
@releaseDomain" ]; wait'
check gone wait_for 30 guest_gone l
guest_servers_stop
finish
END
conclude
