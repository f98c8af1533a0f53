#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: our netback serves stock guests' network cards: data to dom0 and between guests, kills under load, removal
# TIMEOUT: 350
. "$(dirname "$0")/lib.sh"
: "${kills:=5}"
make -s -C "$top" netback >/dev/null
more_payload=("$top/build/root/usr/sbin/netback")
echo "kills=$kills" >>"$work/env.sh"
run_dom0 -m 1536 <<'END'
. /payload/guest-checks.sh
load_drivers
netback_start() { :; } # this one's own, below

# What a toolstack writes: pvnet GUEST HANDLE MAC [NAME VALUE]...  Not in one transaction, so in an order: a
# running guest gives a device up if it cannot read the back end's half, and netback waits for "frontend".
pvnet() {
    local guest back=/local/domain/0/backend/pvnet front handle=$2
    guest=$(xl domid "$1")
    back=$back/$guest/$handle front=/local/domain/$guest/device/vif/$handle
    local nodes=("$back/frontend-id" "$guest" "$back/handle" "$handle" "$back/mac" "$3" "$back/network" lan
        "$back/bridge" xenbr0 "$back/online" 1 "$back/state" 1)
    local theirs=("$front/backend-id" 0 "$front/handle" "$handle" "$front/mac" "$3" "$front/state" 1 "$front/backend" "$back")
    shift 3
    while [ $# -gt 0 ]; do nodes+=("$back/$1" "$2"); shift 2; done
    xenstore-write "${nodes[@]}"
    xenstore-chmod -r "$back" n0 "r$guest"
    xenstore-write "${theirs[@]}"
    xenstore-chmod -r "$front" "n$guest" r0
    xenstore-write "$back/frontend" "$front"
}
back_node() { xenstore-read "/local/domain/0/backend/pvnet/$(xl domid "$1")/$2"; }
worker() { grep -lsz '^-w$' /proc/[0-9]*/cmdline | head -1 | cut -d/ -f3; }
broker() { awk '$1 == "PPid:" { print $2 }' "/proc/$(worker)/status" 2>/dev/null; }
worker_is() { grep -q "^$1:[[:space:]]*$2" "/proc/$(worker)/status"; }
# What its descriptors are, each kind once, without numbers of sockets and the like.
worker_fds() { for fd in /proc/"$(worker)"/fd/*; do readlink "$fd"; done | sed 's/:.*//' | sort -u | tr '\n' ' '; }
# What a number of the first guest's card is now.
count() { /payload/netback -s | tr -d ' ' | grep "\"domid\":$(xl domid "${2:-k}"),\"device\":0" | grep -o "\"$1\":[0-9]*" | cut -d: -f2; }
# Runs a line in a guest (guest.sh, pavis.serve) and prints what it says.
ask() { echo "$2; echo -END-" | timeout "${3:-20}" nc "$1" 7100 | sed '/^-END-$/q' | grep -v '^-END-$'; }

check toolstack toolstack_start
check tun modprobe tun
bridge_start
ip -6 addr add fd00::1/64 dev xenbr0 nodad
guest_servers_start
check netback /payload/netback --pid-file /run/netback.pid -v
guest_config k cloud 1 192 'pavis.ip=10.9.0.2 pavis.serve'
guest_config m cloud 2 192 'pavis.ip=10.9.0.3 pavis.serve'
check create-k xl create -p /tmp/k.cfg
check create-m xl create -p /tmp/m.cfg
pvnet k 0 00:16:3e:00:00:02 ip '10.9.0.2 fd00::2'
pvnet m 0 00:16:3e:00:00:03
check unpause xl unpause k
check unpause-m xl unpause m
check up guest_wait k 60 '^GUEST idle'
check up-m guest_wait m 60 '^GUEST idle'
check_equal connected "$(back_node k 0/state)" 4
check ping ping -c 3 -i 0.2 -W 2 10.9.0.2
for size in 0 1 1000 1472 1473 9000 40000; do check ping-$size ping -c 1 -W 3 -s $size 10.9.0.2; done
ask 10.9.0.2 'echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad; ip -6 addr add fd00::2/64 dev eth0 2>&1; ip -6 addr 2>&1'
ask 10.9.0.3 'echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad; ip -6 addr add fd00::3/64 dev eth0 2>&1
nc -ll -p 7003 -e md5sum >/dev/null 2>&1 & sleep 0.1'
ip -6 addr
check ping6 wait_for 10 ping -6 -c 1 -W 2 fd00::2
data_sum=$(md5sum </tmp/net.data | cut -d' ' -f1)

check_equal tcp-received "$(ask 10.9.0.2 'nc 10.9.0.1 7001 </dev/null >/tmp/data; md5sum </tmp/data' 60)" "$data_sum  -"
check_equal tcp-sent "$(ask 10.9.0.2 'nc 10.9.0.1 7002 </tmp/data' 60)" "$net_sum  -"
check_equal tcp-guest-to-guest "$(ask 10.9.0.2 'nc 10.9.0.3 7003 </tmp/data' 60)" "$data_sum  -"
check_equal tcp6-received "$(ask 10.9.0.2 'nc fd00::1 7001 </dev/null | md5sum' 60)" "$data_sum  -"
check_equal tcp6-guest-to-guest "$(ask 10.9.0.2 'nc fd00::3 7003 </tmp/data' 60)" "$data_sum  -"
check segments-out test "$(count tx_gso)" -gt 0
check segments-in test "$(count rx_gso)" -gt 0
check between-guests test "$(count to_guests)" -gt 100
check_equal nothing-malformed "$(count malformed) $(count copy_failed)" '0 0'

check jail-user worker_is Uid "$((0x72000000 + $(worker)))"
check jail-capabilities worker_is 'Cap\(Prm\|Eff\|Inh\|Amb\)' 0000000000000000
check jail-privileges worker_is NoNewPrivs 1
check jail-filter worker_is Seccomp 2
check jail-root eval 'readlink "/proc/$(worker)/root" | grep -q "^/run/pavis/netback/root.*(deleted)$"'
check_equal jail-descriptors "$(worker_fds)" \
    '/dev/net/tun /dev/null /dev/xen/evtchn /dev/xen/gntalloc /dev/xen/gntdev /run/pavis/netback/lan.journal anon_inode socket '
check jail-doctor eval 'pavis doctor | grep -q "^ok *jails"'

# Streams without end, each block of which must be the same, while the worker is killed again and again, and its broker once.
# Small buffers, so that a stream that is to end does so soon.
small='for f in /proc/sys/net/ipv4/tcp_rmem /proc/sys/net/ipv4/tcp_wmem; do echo 4096 65536 262144 >$f; done'
eval "$small"
head -c 256k /tmp/net.data >/tmp/unit
unit_sum=$(md5sum </tmp/unit | cut -d' ' -f1)
cat >/tmp/unit.sh <<'SH'
while [ ! -e /tmp/stop ]; do cat /tmp/unit; done
SH
nc -ll -p 7004 -e sh /tmp/unit.sh &
streams=$!
# What a guest says of a stream: how many blocks were good, how many were not.
sums="good=0; bad=0; while s=\$(dd bs=64k count=4 iflag=fullblock 2>/dev/null | md5sum | cut -d' ' -f1)
[ \$s != d41d8cd98f00b204e9800998ecf8427e ]; do if [ \$s = $unit_sum ]; then good=\$((good + 1)); else bad=\$((bad + 1)); fi; done
printf '\\nGUEST %s %s %s\\n' \$1 \$good \$bad >/dev/hvc0" # there is a prompt
ask 10.9.0.3 "$small; cat >/tmp/sums.sh <<'SH'
$sums
SH
nc -ll -p 7005 -e sh /tmp/sums.sh from-guest >/dev/null 2>&1 & true"
ask 10.9.0.2 "$small; cat >/tmp/sums.sh <<'SH'
$sums
SH
head -c 262144 /tmp/data >/tmp/unit
(nc 10.9.0.1 7004 </dev/null | sh /tmp/sums.sh from-dom0) >/dev/null 2>&1 &
(while [ ! -e /tmp/stop ]; do cat /tmp/unit; done | nc 10.9.0.3 7005) >/dev/null 2>&1 & true"
moves() { # both streams since the numbers that are given
    [ "$(count rx_bytes)" -gt $(($1 + 200000)) ] && [ "$(count to_guests)" -gt $(($2 + 20)) ]
}
done_kills=0
while [ $done_kills -lt "$kills" ]; do
    wait_for 30 moves "$(count rx_bytes)" "$(count to_guests)" || break
    old=$(worker)
    if [ $done_kills = 2 ]; then kill -9 "$(broker)"; else kill -9 "$old"; fi
    wait_for 10 eval '[ -n "$(worker)" ] && [ "$(worker)" != '"$old"' ]' || break
    done_kills=$((done_kills + 1))
done
check_equal kills $done_kills "$kills"
check goes-on wait_for 30 moves "$(count rx_bytes)" "$(count to_guests)"
touch /tmp/stop
ask 10.9.0.2 'touch /tmp/stop'
check stream-from-dom0 guest_wait k 60 '^GUEST from-dom0'
check stream-from-guest guest_wait m 60 '^GUEST from-guest'
note "blocks of 256 KiB: from dom0 $(guest_said k from-dom0), from the other guest $(guest_said m from-guest)"
check from-dom0-good eval '[ "$(guest_said k from-dom0 | cut -d" " -f2)" = 0 ] && [ "$(guest_said k from-dom0 | cut -d" " -f1)" -gt 2 ]'
check from-guest-good eval '[ "$(guest_said m from-guest | cut -d" " -f2)" = 0 ] && [ "$(guest_said m from-guest | cut -d" " -f1)" -gt 2 ]'
check_equal still-connected "$(back_node k 0/state) $(back_node m 0/state)" '4 4'
kill $streams
check_equal queues "$(xenstore-list "/local/domain/$(xl domid m)/device/vif/0" | grep -c '^queue-')" 2
fds=$(ls "/proc/$(worker)/fd" | wc -l)
note "worker: $fds descriptors, $(grep VmRSS "/proc/$(worker)/status")"

# A card is taken away, comes back, and goes with its guest; then nothing is left.
guest=$(xl domid m)
back=/local/domain/0/backend/pvnet/$guest/0
xenstore-write "$back/online" 0 "$back/state" 5
check closed wait_for 20 eval '[ "$(back_node m 0/state)" = 6 ]'
xenstore-rm "/local/domain/$guest/device/vif/0" "$back"
check gone-from-the-switch wait_for 10 eval '! /payload/netback -s | grep -q "\"domid\": '"$guest"',"'
# Under another number: netfront waits for ever if it finds a new back end where it looks for the end of the old one.
pvnet m 1 00:16:3e:00:00:04 vlan 0
check back-again wait_for 20 eval '[ "$(back_node m 1/state)" = 4 ]'
xl destroy k
xl destroy m
xenstore-rm /local/domain/0/backend/pvnet
check worker-ends wait_for 10 eval '[ -z "$(worker)" ]'
wait_for 10 eval '[ -z "$(ls /run/pavis/netback | grep lan)" ]'
check_equal nothing-kept "$(ls /run/pavis/netback /sys/class/net | grep -e ^pv -e lan)" ''
[ "$failed" = 0 ] || { guest_show k 20; guest_show m 20; }
finish
END
conclude
