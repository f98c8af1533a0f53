#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: the balloon driver gives dom0's memory to the hypervisor and takes it back, usable
# TIMEOUT: 180
. "$(dirname "$0")/lib.sh"
run_dom0 -d 768 <<'END'
memory=/sys/devices/system/xen_memory/xen_memory0
current_kb() { cat $memory/info/current_kb; }
has_kb() { [ "$(current_kb)" = "$1" ]; }
check toolstack toolstack_start
full=$(current_kb)
less=$((full - 256 * 1024))
free=$(free_mib)
for round in 1 2 3; do
    check "shrink-$round" eval "echo $less >$memory/target_kb"
    check "shrunk-$round" wait_for 30 has_kb $less
    check_equal "freed-$round" $(($(free_mib) - free)) 256
    check "listed-$round" test "$(xl list 0 | awk 'NR == 2 { print $3 }')" = 512
    check "grow-$round" xl mem-set 0 768
    check "grown-$round" wait_for 30 has_kb "$full"
    check_equal "taken-$round" "$(free_mib)" "$free"
done
# The pages that came back hold data: a file larger than what never left, some of it compared.
head -c 4M /dev/urandom >/tmp/piece
sum=$(sha256sum </tmp/piece)
for _ in $(seq 100); do cat /tmp/piece; done >/tmp/big
for i in 0 11 37 50 63 88 99; do
    check_equal "piece-$i" "$(dd if=/tmp/big bs=4M skip=$i count=1 status=none | sha256sum)" "$sum"
done
finish
END
conclude
