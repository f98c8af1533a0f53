# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# What a guest does after its mounts (scripts/image/init-guest), told by its kernel command line:
#   pavis.ip=ADDR     configure eth0 and move data to and from dom0 over TCP
#   pavis.dhcp        configure eth0 by DHCP and say its address
#   pavis.disk=DEV    read the disk's first half and fill its second
#   pavis.serve       no data over TCP, but run what comes in over port 7100 (save-checks.sh: guest_ask)
# and says, in lines "GUEST <what> <value>", what dom0 compares with its own side.

parameter() { sed -n "s/.*$1=\\([^ ]*\\).*/\\1/p" /proc/cmdline; }
appears() { n=0; while [ ! -e "$1" ] && [ $n -lt 300 ]; do usleep 100000; n=$((n + 1)); done; [ -e "$1" ]; }

ip=$(parameter pavis.ip)
if [ -n "$ip" ]; then
    appears /sys/class/net/eth0
    ip addr add "$ip/24" dev eth0
    ip link set eth0 up
fi
if grep -q 'pavis\.dhcp' /proc/cmdline; then
    appears /sys/class/net/eth0
    ip link set eth0 up
    lease=$(udhcpc -i eth0 -n -q -t 20 -s /usr/bin/true 2>&1 | sed -n 's/.*lease of \([0-9.]*\) obtained.*/\1/p')
    echo "GUEST dhcp $lease"
    ip addr add "$lease/24" dev eth0
    echo "GUEST gateway $(ping -c 3 -W 5 "${lease%.*}.1" | sed -n 's/.* \([0-9]*\) packets received.*/\1/p')"
fi
echo "GUEST cpus $(nproc)"
echo "GUEST memory $(awk '/MemTotal/ { print $2 }' /proc/meminfo)"

disk=$(parameter pavis.disk)
if [ -n "$disk" ]; then
    appears "/dev/$disk"
    half=$(($(cat "/sys/block/$disk/size") / 4096))
    echo "GUEST disk-read $(dd if="/dev/$disk" bs=1M count=$half iflag=direct 2>/dev/null | sha256sum | cut -d' ' -f1)"
    dd if=/dev/urandom of=/tmp/fill bs=1M count=$half 2>/dev/null
    dd if=/tmp/fill of="/dev/$disk" bs=1M seek=$half oflag=direct conv=notrunc,fsync 2>/dev/null
    echo "GUEST disk-written $(sha256sum </tmp/fill | cut -d' ' -f1)"
    rm /tmp/fill
fi
if grep -q 'pavis\.serve' /proc/cmdline; then
    nc -ll -p 7100 -e sh &
elif [ -n "$ip" ]; then
    n=0
    while ! ping -c 1 -W 1 10.9.0.1 >/dev/null && [ $n -lt 20 ]; do n=$((n + 1)); done
    echo "GUEST ping $(ping -c 5 -i 0.1 -W 2 10.9.0.1 | sed -n 's/.* \([0-9]*\) packets received.*/\1/p')"
    nc 10.9.0.1 7001 </dev/null >/tmp/data
    echo "GUEST tcp-received $(sha256sum </tmp/data | cut -d' ' -f1)"
    echo "GUEST tcp-sent $(nc 10.9.0.1 7002 </tmp/data | cut -d' ' -f1)"
    rm /tmp/data
fi
echo "GUEST up $(cut -d' ' -f1 /proc/uptime)"
