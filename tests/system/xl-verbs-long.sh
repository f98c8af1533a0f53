#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: memory, vCPUs, devices and parameters of busy guests change again and again, and they go on
# TIMEOUT: 600
# LONG
. "$(dirname "$0")/lib.sh"
new_disk vda
more_payload=("$top/build/guests/domu.elf")
run_dom0 -n 2 -D "$work/vda" <<'END'
. /payload/xl-verbs.sh
verbs_start

# More vCPUs than processors, of which half are up, and something for each of them to do.
guest_config l generic 2 256 sysrq_always_enabled 'maxvcpus = 4
maxmem = 384
on_crash = "restart"'
check create xl create -q /tmp/l.cfg
check up guest_wait l 120 '^GUEST idle'
type_to l 'for i in 1 2 3 4; do while :; do sha256sum /bin/busybox >/dev/null; done & done'
for round in 1 2 3; do
    check "up-$round" xl vcpu-set -i l 4
    check "online-$round" typed_says l 'for c in 2 3; do echo 1 >/sys/devices/system/cpu/cpu$c/online; done 2>/dev/null; nproc' ' 4$'
    check "pin-$round" xl vcpu-pin l all $((round % 2)) all
    check "more-$round" xl mem-set l 384
    check "has-more-$round" wait_for 20 eval '[ "$(xl_row l | awk "{ print \$3 }")" = 384 ]'
    check "all-run-$round" eval '[ "$(xl vcpu-list l | grep -c " '$((round % 2))' / all")" = 4 ]'
    check "unpin-$round" xl vcpu-pin l all all all
    check "less-$round" xl mem-set l 224
    check "has-less-$round" wait_for 40 eval '[ "$(xl_row l | awk "{ print \$3 }")" = 224 ]'
    check "disk-$round" xl block-attach l phy:/dev/vda,xvdb,w
    check "disk-data-$round" typed_says l 'dd if=/dev/xvdb bs=1M count='$half_mib' iflag=direct 2>/dev/null | sha256sum' "$vda_sum"
    check "net-$round" xl network-attach l bridge=xenbr0 mac=00:16:3e:00:00:0$round
    check "net-up-$round" typed_says l 'ip addr add 10.9.0.2/24 dev eth0; ip link set eth0 up; ip -o -4 addr show eth0' 10.9.0.2
    check "net-ping-$round" wait_for 20 ping -c 2 -W 2 10.9.0.2
    check "down-$round" xl vcpu-set l 1
    check "offline-$round" wait_for 20 eval '[ "$(xl vcpu-list l | grep -c -- "--p")" = 3 ]'
    check "disk-off-$round" xl block-detach l xvdb
    check "net-off-$round" xl network-detach l "$(xl network-list l | awk 'NR == 2 { print $1 }')"
    check "gone-$round" typed_says l 'ls /dev/xvdb /sys/class/net/eth0 2>&1 | wc -l' ' 2$'
done

# It crashes, and starts again as it was configured; it is rebooted; it is suspended by nobody.
id=$(xl domid l)
check crash xl sysrq l c
check restarted wait_for 60 eval '[ "$(xl domid l 2>/dev/null || echo '"$id"')" -gt '"$id"' ]'
check up-again wait_for 120 eval '[ "$(guest_seen l "^GUEST idle" | wc -l)" = 2 ]'
id=$(xl domid l)
check reboot xl reboot l
check rebooted wait_for 60 eval '[ "$(xl domid l 2>/dev/null || echo '"$id"')" -gt '"$id"' ]'
check up-once-more wait_for 120 eval '[ "$(guest_seen l "^GUEST idle" | wc -l)" = 3 ]'

# Shares by weight, of one processor and of two, and caps, above and below one processor.
check dom0-aside xl vcpu-pin 0 all 0
for name in s1 s2 s3; do check "spin-$name" tiny_start $name spin 'cpus = "1"'; done
for weights in '256 512' '100 1000' '512 512' '65535 65535'; do
    xl sched-credit2 -d s1 -w "${weights% *}"
    xl sched-credit2 -d s2 -w "${weights#* }"
    xl sched-credit2 -d s3 -c 20
    sleep 2
    part=$(share 15 s1 s2)
    want=$((1000 * ${weights% *} / (${weights% *} + ${weights#* })))
    echo "FIGURE weights $weights: $part per mille for the first"
    check "weights-${weights/ /-}" between "$part" $((want - want / 20 - 5)) $((want + want / 20 + 5))
done
xl destroy s3
for cap in 5 15 45; do
    xl sched-credit2 -d s1 -c $cap
    sleep 2
    part=$(share 15 s1 s2)
    echo "FIGURE cap $cap: $part per mille"
    check "cap-$cap" between "$part" $((cap * (time_factor > 1 ? 5 : 9))) $((cap * 10 + 30))
done
xl vcpu-pin 0 all all
# Three at once: two that have no kernel to answer are ended, the third goes by itself.
check destroy-one xl destroy s1
check destroy-two xl destroy s2
check shutdown-all timeout 60 xl shutdown -a -w
check nobody-left eval '[ "$(xl list | wc -l)" = 2 ]'
check_free_mib memory-back "$free"
finish
END
conclude
