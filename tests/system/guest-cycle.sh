#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: a guest reboots, crashes and is destroyed at any moment; each time all it had comes back
# TIMEOUT: 400
# LONG
. "$(dirname "$0")/lib.sh"
new_disk vda
run_dom0 -D "$work/vda" <<'END'
. /payload/guest-checks.sh
load_drivers
check toolstack toolstack_start
bridge_start
guest_servers_start
check info-version eval "tool info | grep -E 'xen_version *: 4.17'"
check info-caps eval "tool info | grep -E 'xen_caps.*xen-3.0-x86_64'"
check info-free eval "tool info | grep -E 'free_memory *: [1-9]'"
check dmesg eval "tool dmesg | grep -q ."
free=$(free_mib)

# The disk is a file here: a loop device, made and taken down by xl's own script.
dd if=/dev/vda of=/tmp/disk.img bs=1M status=none
guest_start c cloud 1 file:/tmp/disk.img
check_equal file-disk-read "$(guest_said c disk-read)" "$vda_sum"
check_equal file-disk-written "$(tail -c ${half_mib}M /tmp/disk.img | sha256sum | cut -d' ' -f1)" "$(guest_said c disk-written)"
id=$(tool domid c)
check reboot tool reboot c
check restarted wait_for 40 eval '[ "$(tool domid c 2>/dev/null || echo '"$id"')" != '"$id"' ]'
check up-again wait_for 60 eval '[ "$(guest_seen c "^GUEST idle" | wc -l)" = 2 ]'
check destroy tool destroy c
check destroyed guest_gone c
check_free_mib memory-after-destroy "$free"
check loop-device-gone wait_for 20 eval '[ -z "$(losetup -a)" ]'

# A crash of the guest's kernel ends the guest and nothing else (on_crash = destroy).
guest_start k cloud 1 phy:/dev/vda
check crash xl sysrq k c
check crash-ends-it wait_for 60 guest_gone k
guest_gone k || tool destroy k # so that what follows is judged by itself
check_free_mib memory-after-crash "$free"

# Destroyed before its first instruction, and in the middle of its boot.
guest_config p cloud 2 128
check create-paused tool create -p /tmp/p.cfg
check_equal paused-state "$(guest_state p)" --p---
check destroy-paused tool destroy p
check create-running tool create /tmp/p.cfg
sleep 1
check destroy-booting tool destroy p
check_free_mib memory-after-all "$free"
guest_servers_stop
finish
END
conclude
