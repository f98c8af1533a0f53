# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# What tests/bench/run-net has its two guests do: 10.9.0.3 serves, 10.9.0.2 moves the data.
ip=$(sed -n 's/.*pavis.ip=\([^ ]*\).*/\1/p' /proc/cmdline)
rows=$(sed -n 's/.*pavis.rows=\([^ ]*\).*/\1/p' /proc/cmdline | tr , ' ')
n=0
while [ ! -e /sys/class/net/eth0 ] && [ $n -lt 300 ]; do usleep 100000; n=$((n + 1)); done
ip addr add "$ip/24" dev eth0
ip link set eth0 up
[ "$ip" != 10.9.0.3 ] || exec /payload/netbench serve
# shellcheck disable=SC2086 # words on purpose
/payload/netbench 10.9.0.1 10.9.0.3 $rows
