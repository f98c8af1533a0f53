#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: every verb of Debian's xl that a person uses on running guests does what it says
# TIMEOUT: 300
# LONG
. "$(dirname "$0")/lib.sh"
new_disk vda
more_payload=("$top/build/guests/domu.elf")
run_dom0 -n 2 -D "$work/vda" <<'END'
. /payload/xl-verbs.sh
verbs_start

# A Linux guest boots meanwhile.
guest_config l cloud 2 128 sysrq_always_enabled 'maxvcpus = 4
maxmem = 192
cpuid = "host,aes=0"'
check create-linux xl create -q /tmp/l.cfg

# Limits and parameters from the configuration.
check create tiny_start a stay 'maxmem = 6
max_event_channels = 37
max_grant_frames = 3
max_maptrack_frames = 5
cpus = "1"
cpus_soft = "1"
cpu_weight = 512
cap = 70'
check says wait_for 10 eval '[ -n "$(tiny_limits a)" ]'
check_equal limits "$(tiny_limits a)" 'ports 35 grant frames 3 memory 1024 of 1280'
check affinity eval "xl vcpu-list a | grep '1 / 1'"
check_equal parameters "$(xl sched-credit2 -d a | awk 'NR == 2 { print $3, $4 }')" '512 70'
check set-parameters xl sched-credit2 -d a -w 100 -c 30
check_equal parameters-set "$(xl sched-credit2 | awk '$1 == "a" { print $3, $4 }')" '100 30'
check bad-weight refused 'weight out of range' xl sched-credit2 -d a -w 70000
check bad-cap refused 'cap out of range' xl sched-credit2 -d a -c 1000
check ratelimit xl sched-credit2 -s -r 2000
check_equal ratelimit-set "$(xl sched-credit2 -s | sed 's/.*=//')" 2000us
check pin xl vcpu-pin a 0 0 1
check pinned eval "xl vcpu-list a | grep -q '0 / 1'"
check pin-soft xl vcpu-pin a 0 - all
check pinned-soft eval "xl vcpu-list a | grep -q '0 / all'"
check pin-nowhere refused 'Invalid argument' xl vcpu-pin a 0 7
check pin-nobody refused 'Invalid argument' xl vcpu-pin a 9 1
check_equal pool "$(xl cpupool-list | awk 'NR == 2 { print $1, $2, $3, $4, $5 }')" 'Pool-0 2 credit2 y 3'
check_equal pool-cpus "$(xl cpupool-list -c | awk 'NR == 2 { print $2 }')" 0,1

# Names, lists, the log.
check rename xl rename a other
check_equal renamed "$(xl domname "$(xl domid other)")" other
check unnamed refused "Can't get domid" xl domid a
check list-long eval "xl list -l other | grep -q '\"max_maptrack_frames\": 5'"
check vm-list eval "xl vm-list | grep -q other"
check uptime eval "xl uptime | grep -q '^other '"
check info-numa eval "xl info -n | grep -A 2 '^numa_info' | grep -q ' 0: '"
check_equal xentop "$(xentop -b -i 2 -d 1 | grep -c '^ *other ')" 2
xl debug-keys q
check dmesg eval 'xl dmesg -c | grep -q pressed'
check dmesg-cleared eval '! xl dmesg | grep -q pressed'
check no-button eval 'xl trigger other power 2>&1 | grep -q "Invalid argument"'
check pause xl pause other
check_equal paused "$(guest_state other)" --p---
check unpause xl unpause other

# A claim that cannot be met makes no guest, and holds nothing back.
now=$(free_mib)
tiny big stay 'memory = 100000'
check claim-refused refused . xl create -q /tmp/big.cfg
check_equal claims "$(xl info | awk '$1 == "outstanding_claims" { print $3 }') $(xl claims | awk 'NR > 1 { n += $NF } END { print n }')" '0 0'
check_free_mib claim-gone "$now"

# What happens at an end is the configuration's.
check destroy xl destroy other
check crash-preserve tiny_start p crash 'on_crash = "preserve"'
check reboot-again tiny_start r reboot
check crash-restart tiny_start c crash 'on_crash = "restart"'
check poweroff-gone tiny_start o poweroff
for name in p r c o; do check "end-$name" tiny_end $name; done
check preserved wait_for 10 eval '[ "$(guest_state p)" = ---sc- ]'
check off-gone wait_for 10 guest_gone o
check reboots wait_for 20 eval '[ "$(lives r)" = 2 ]'
check restarts wait_for 20 eval '[ "$(lives c)" = 2 ]'
for name in p r c; do check "destroy-$name" xl destroy $name; done

# Two that spin on one processor share it as their weights are; a cap is kept though the weight would give more.
check dom0-aside xl vcpu-pin 0 all 0
check spin-one tiny_start s1 spin 'cpus = "1"
cpu_weight = 512'
check spin-two tiny_start s2 spin 'cpus = "1"'
sleep 1
part=$(share 3 s1 s2)
echo "FIGURE weights 512 and 256: $part per mille for the first"
check weights between "$part" 620 713 # exact shares: guests/lives
check cap xl sched-credit2 -d s1 -c 30
sleep 1
part=$(share 3 s1 s2)
echo "FIGURE cap 30: $part per mille"
# On a machine so busy that QEMU's processors stand still for tens of milliseconds a capped guest gets less.
check cap-holds between "$part" $((time_factor > 1 ? 150 : 260)) 340
xl destroy s1
xl destroy s2
xl vcpu-pin 0 all all

# The Linux guest.
check linux-up guest_wait l 90 '^GUEST idle'
check_equal linux-cpuid "$(typed_says l 'grep -cw aes /proc/cpuinfo' '.' | sed 's/.* //')" 0
memory() { typed_says l "awk '/MemTotal/ { print \$2 }' /proc/meminfo" . | sed 's/.* //'; }
before=$(memory)
check mem-up xl mem-set l 160
wait_for 20 eval '[ "$(xl_row l | awk "{ print \$3 }")" = 160 ]'
check_equal mem-is-up "$(xl_row l | awk '{ print $3 }')" 160
check linux-has-more wait_for 10 eval '[ "$(memory)" -ge '$((before + 30000))' ]'
check mem-too-much refused 'static_max' xl mem-set l 300
check mem-max xl mem-max l 180
check mem-max-holds refused 'static_max' xl mem-set l 185
check mem-down xl mem-set l 120
wait_for 20 eval '[ "$(xl_row l | awk "{ print \$3 }")" = 120 ]'
check_equal mem-is-down "$(xl_row l | awk '{ print $3 }')" 120
check vcpus-overcommit refused overcommmitting xl vcpu-set l 4
check vcpus-up xl vcpu-set -i l 4
check vcpus-on typed_says l 'for c in 2 3; do echo 1 >/sys/devices/system/cpu/cpu$c/online; done; nproc' ' 4$'
check_equal vcpus-listed "$(xl vcpu-list l | grep -c -- '-b-\|r--\|---')" 4
check vcpus-down xl vcpu-set l 1
check vcpus-off wait_for 10 eval '[ "$(xl vcpu-list l | grep -c -- "--p")" = 3 ]'

check block-attach xl block-attach l phy:/dev/vda,xvdb,w
check block-seen typed_says l 'dd if=/dev/xvdb bs=1M count='$half_mib' iflag=direct 2>/dev/null | sha256sum' "$vda_sum"
check_equal block-list "$(xl block-list l | awk 'NR == 2 { print $1, $4 }')" '51728 4'
check block-twice refused 'already exists' xl block-attach l phy:/dev/vda,xvdb,w
check block-nothing refused 'failed to stat' xl block-attach l phy:/dev/none,xvdc,w
check block-detach xl block-detach l xvdb
check block-gone typed_says l 'ls /dev/xvdb 2>&1' 'No such file'
check network-attach xl network-attach l bridge=xenbr0 mac=00:16:3e:00:00:09
check network-up typed_says l 'ip addr add 10.9.0.2/24 dev eth0; ip link set eth0 up; ip -o -4 addr show eth0' 10.9.0.2
check network-answers ping -c 3 -W 2 10.9.0.2
check network-list eval "xl network-list l | grep -q 00:16:3e:00:00:09"
check network-detach xl network-detach l 0
check network-gone typed_says l 'ls /sys/class/net | tr "\n" " "' ' lo *$'

check nmi xl trigger l nmi
check nmi-seen wait_for 10 eval "guest_seen l 'NMI received'"
check sysrq xl sysrq l h
check sysrq-seen wait_for 10 eval "guest_seen l 'sysrq: HELP'"
check shutdown-all timeout 60 xl shutdown -a -w
check nobody-left eval '[ "$(xl list | wc -l)" = 2 ]'
check_free_mib memory-back "$free"
check_equal store-back "$(xenstore-list /local/domain | tr '\n' ' ')" '0 '
finish
END
conclude
