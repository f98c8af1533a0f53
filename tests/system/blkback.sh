#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: our blkback serves stock guests' disks: data, kills under load, overlays, full file systems, read-only, resize, discard, removal
# TIMEOUT: 400
. "$(dirname "$0")/lib.sh"
new_disk vda
make -s -C "$top" blkback >/dev/null
more_payload=("$top/build/root/usr/sbin/blkback")
truncate -s 4M "$work/nbd.img"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
setpriv --pdeathsig KILL qemu-nbd -t -f raw -x nbd -b 127.0.0.1 -p "$port" "$work/nbd.img" &
echo "nbd_port=$port" >>"$work/env.sh"
run_dom0 -D "$work/vda" <<'END'
. /payload/guest-checks.sh
load_drivers
blkback_start() { :; } # this one's own, below

# Guests' ids are in variables of their names.
# What a toolstack writes: pvblk GUEST ID IMAGE MODE
pvblk() {
    local guest back=/local/domain/0/backend/pvblk front
    guest=${!1}
    back=$back/$guest/$2 front=/local/domain/$guest/device/vbd/$2
    xenstore-write "$front" ''
    xenstore-chmod "$front" "n$guest" r0 # what comes below it inherits that, before the guest looks
    xenstore-write "$front/backend" "$back" "$front/backend-id" 0 "$front/virtual-device" "$2" \
        "$front/device-type" disk "$front/state" 1
    xenstore-write "$back/frontend" "$front" "$back/frontend-id" "$guest" "$back/params" "$3" "$back/mode" "$4" \
        "$back/online" 1 "$back/state" 1
    xenstore-chmod -r "$back" n0 "r$guest"
}
back_node() { xenstore-read "/local/domain/0/backend/pvblk/$k/$1"; }
workers() { grep -lsz '^-w$' /proc/[0-9]*/cmdline; }
worker_of() { # NAME
    local file
    for file in $(workers); do
        ! grep -qsz "^${!1}$" "$file" || echo "$file" | cut -d/ -f3
    done
}
worker() { worker_of k; }
broker() { awk '$1 == "PPid:" { print $2 }' "/proc/$(worker)/status" 2>/dev/null; }
worker_is() { grep -q "^$1:[[:space:]]*$2" "/proc/$w/status"; }
# What its descriptors are, each kind once, without numbers of sockets and the like.
worker_fds() { for fd in /proc/"$w"/fd/*; do readlink "$fd"; done | sed 's/:.*//' | sort -u | tr '\n' ' '; }

# The guest goes on after its first check of the disk: rounds of writing and comparing, then it waits for orders.
cat >>/payload/guest.sh <<'SH'
n=0
bad=0
rounds=$(parameter rounds)
while [ $n -lt "${rounds:-10}" ]; do
    dd if=/dev/urandom of=/tmp/fill bs=64k count=16 2>/dev/null
    dd if=/tmp/fill of=/dev/xvda bs=64k seek=$((128 + n * 8)) oflag=direct conv=notrunc,fsync 2>/dev/null || bad=$((bad + 1))
    dd if=/dev/xvda bs=4k skip=$(((128 + n * 8) * 16)) count=256 iflag=direct 2>/dev/null | cmp - /tmp/fill || bad=$((bad + 1))
    n=$((n + 1))
    echo "GUEST round $n"
done
echo "GUEST rounds-bad $bad"
echo "GUEST final $(dd if=/dev/xvda bs=1M iflag=direct 2>/dev/null | sha256sum | cut -d' ' -f1)"
[ -z "$rounds" ] || return # the other guest
echo "GUEST read-only $(cat /sys/block/xvdb/ro) $(dd if=/dev/xvdb bs=1M iflag=direct 2>/dev/null | sha256sum | cut -d' ' -f1)"
echo "GUEST features $(cat /sys/block/xvda/queue/discard_granularity) $(cat /sys/block/xvda/queue/write_cache | tr ' ' -)"
blkdiscard -o 0 -l 4194304 /dev/xvdb 2>/dev/null && echo "GUEST discarded read-only"
n=0
while [ "$(cat /sys/block/xvdc/size)" = 8192 ] && [ $n -lt 300 ]; do usleep 100000; n=$((n + 1)); done
echo "GUEST resized $(cat /sys/block/xvdc/size)"
blkdiscard -o 0 -l 2097152 /dev/xvdc && echo "GUEST discarded"
n=0
while [ -e /sys/block/xvdc ] && [ $n -lt 300 ]; do usleep 100000; n=$((n + 1)); done
[ -e /sys/block/xvdc ] || echo "GUEST removed"
# There is not space for all of this, and then there is; xvda has nothing to do with it.
dd if=/dev/urandom of=/tmp/fill bs=64k count=64 2>/dev/null
fill() { dd if=/tmp/fill of="/dev/$1" bs=64k oflag=direct conv=notrunc,fsync 2>&1 | grep -o 'I/O error\|Input/output error' | sed 's,.* ,,'; }
same() { dd if="/dev/$1" bs=64k count=64 iflag=direct 2>/dev/null | cmp -s - /tmp/fill && echo same; }
echo "GUEST overlay-full $(fill xvdd)$(fill xvda) $(same xvda)"
# Its first flush fails, which Linux takes for done; so what comes then must fail.
echo "GUEST loop-full $(fill xvde)$(fill xvde)$(fill xvda) $(same xvda)"
n=0
while [ -n "$(fill xvdd)" ] && [ $n -lt 60 ]; do sleep 2; n=$((n + 1)); done # others want the processor, too
echo "GUEST refilled $(fill xvdd)$(same xvdd)"
echo "GUEST nbd $(fill xvdg)$(same xvdg) $(sha256sum </tmp/fill | cut -d' ' -f1)"
SH

check toolstack toolstack_start
check net net_start
check blkback /payload/blkback --pid-file /run/blkback.pid -v
head -c 4M /dev/urandom >/tmp/ro.img
head -c 4M /dev/urandom >/tmp/file.img
ro_sum=$(sha256sum </tmp/ro.img | cut -d' ' -f1)
# Two overlays of one base: k's on a file system that is nearly full, where a loop device has its file, too.
mkdir /tmp/small
mount -t tmpfs -o size=10m none /tmp/small
head -c 16M /dev/urandom >/tmp/base.img
base_sum=$(sha256sum </tmp/base.img | cut -d' ' -f1)
check overlays eval '/payload/blkback -o /tmp/small/k.over /tmp/base.img && /payload/blkback -o /tmp/l.over /tmp/base.img'
truncate -s 4M /tmp/small/loop.img
modprobe loop
losetup /dev/loop0 /tmp/small/loop.img
head -c 8M /dev/zero >/tmp/small/filler
guest_config k cloud 1 256 'pavis.disk=xvda'
check create xl create -p /tmp/k.cfg
k=$(xl domid k)
pvblk k 51712 /dev/vda w
pvblk k 51728 /tmp/ro.img r
pvblk k 51744 /tmp/file.img w
pvblk k 51760 overlay:/tmp/small/k.over w
pvblk k 51776 /dev/loop0 w
pvblk k 51808 "nbd://10.0.2.2:$nbd_port/nbd" w
for disk in 51728 51744; do # these by copies, the other by mapped pages
    xenstore-write "/local/domain/0/backend/pvblk/$k/$disk/persistent-grants" 0
done
check unpause xl unpause k
check disk-written guest_wait k 90 '^GUEST disk-written'
check_equal disk-read "$(guest_said k disk-read)" "$vda_sum"
check_equal connected "$(back_node 51712/state)" 4
w=$(worker)
check jail-user worker_is Uid "$((0x71000000 + $k))"
check jail-capabilities worker_is 'Cap\(Prm\|Eff\|Inh\|Amb\)' 0000000000000000
check jail-privileges worker_is NoNewPrivs 1
check jail-filter worker_is Seccomp 2
check jail-root eval 'readlink "/proc/$w/root" | grep -q "^/run/pavis/blkback/root.*(deleted)$"'
check_equal jail-descriptors "$(worker_fds)" \
    "/dev/loop0 /dev/null /dev/vda /dev/xen/evtchn /dev/xen/gntdev /run/pavis/blkback/$k.journal \
/tmp/base.img /tmp/file.img /tmp/ro.img /tmp/small/k.over anon_inode socket "
kills=0
for round in 1 3 5 7 9; do
    guest_wait k 60 "^GUEST round $round" || break
    old=$(worker)
    case $round in
        3) kill -9 "$(broker)" ;;
        7) # another first process, whose brokers make the copies, takes over
            before=$(broker)
            kill "$(cat /run/blkback.pid)"
            /payload/blkback --pid-file /run/blkback.pid -v --strict
            kill -9 "$before"
            ;;
        *) kill -9 "$old" ;;
    esac
    kills=$((kills + 1))
    wait_for 10 eval '[ -n "$(worker)" ] && [ "$(worker)" != '"$old"' ]'
done
check_equal kills $kills 5
check rounds guest_wait k 90 '^GUEST features'
check_equal rounds-bad "$(guest_said k rounds-bad)" 0
check_equal still-connected "$(back_node 51712/state)" 4
check_equal on-the-medium "$(guest_said k final)" "$(region_sum /dev/vda 0 16)"
check_equal read-only "$(guest_said k read-only)" "1 $ro_sum"
check_equal features "$(guest_said k features)" '512 write-back'
truncate -s 5M /tmp/file.img
xenstore-write "/local/domain/0/backend/pvblk/$k/51744/resize" 1
check discarded guest_wait k 40 '^GUEST discarded'
check_equal resized "$(guest_said k resized)" 10240
check_equal hole "$(head -c 2M /tmp/file.img | tr -d '\0' | wc -c)" 0
check hole-is-one eval '[ $(stat -c %b /tmp/file.img) -le 6500 ]'
xenstore-write "/local/domain/0/backend/pvblk/$k/51744/online" 0 \
    "/local/domain/0/backend/pvblk/$k/51744/state" 5
check closed wait_for 20 eval '[ "$(back_node 51744/state)" = 6 ]'
xenstore-rm "/local/domain/$k/device/vbd/51744" "/local/domain/0/backend/pvblk/$k/51744"
check removed guest_wait k 40 '^GUEST removed'
# The other guest works and loses its worker while the first finds no space.
guest_config l cloud 1 128 'pavis.disk=xvda rounds=4'
check create-other xl create -p /tmp/l.cfg
l=$(xl domid l)
pvblk l 51712 overlay:/tmp/l.over w
check unpause-other xl unpause l
before=$(worker)
check loop-full guest_wait k 60 '^GUEST loop-full'
check_equal overlay-full-said "$(guest_said k overlay-full)" 'error same'
check_equal loop-full-said "$(guest_said k loop-full)" 'error same'
for round in 1 3; do
    guest_wait l 90 "^GUEST round $round" && kill -9 "$(worker_of l)" && kills=$((kills + 1))
done
check final-other guest_wait l 90 '^GUEST final'
check_equal rounds-bad-other "$(guest_said l rounds-bad)" 0
check_equal begins-as-base "$(guest_said l disk-read)" "$(head -c 8M /tmp/base.img | sha256sum | cut -d' ' -f1)"
rm /tmp/small/filler
check refilled guest_wait k 60 '^GUEST refilled'
check_equal refilled-same "$(guest_said k refilled)" same
check nbd guest_wait k 60 '^GUEST nbd same'
echo "NBD $(guest_said k nbd)"
check_equal worker-stayed "$(worker)" "$before"
check_equal kills-in-all $kills 7
xl destroy l
xenstore-rm "/local/domain/0/backend/pvblk/$l"
check worker-ends-other wait_for 10 eval '[ "$(workers | wc -l)" = 1 ]'
check_equal base-untouched "$(sha256sum </tmp/base.img | cut -d' ' -f1)" "$base_sum"
check_equal read-only-untouched "$(sha256sum </tmp/ro.img | cut -d' ' -f1)" "$ro_sum"
check strict eval 'tr "\0" " " <"/proc/$(broker)/cmdline" | grep -q -- " -S "'
check jail-doctor eval 'pavis doctor | grep -q "^ok *jails"'
check counts eval '/payload/blkback -s | grep -q "\"device\": 51712.*\"flushes\": [1-9]"'
fds=$(ls "/proc/$(worker)/fd" | wc -l)
note "worker: $fds descriptors, $(grep VmRSS "/proc/$(worker)/status")"
[ "$failed" = 0 ] || guest_show k 40
xl destroy k
xenstore-rm "/local/domain/0/backend/pvblk"
check worker-ends wait_for 10 eval '[ -z "$(workers)" ]'
wait_for 10 eval '[ "$(ls /run/pavis/blkback | wc -l)" = 2 ]'
check_equal nothing-kept "$(ls /run/pavis/blkback | tr '\n' ' ')" 'daemon shares '
finish
END
sum=$(grep -oE 'NBD same [0-9a-f]{64}' "$console" | cut -d' ' -f3) || true
[ "$(sha256sum <"$work/nbd.img" | cut -d' ' -f1)" = "$sum" ] || problem "the NBD server has not what the guest wrote"
conclude
