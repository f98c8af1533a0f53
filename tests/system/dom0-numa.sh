#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: a machine of two nodes is reported as such to xl, and a guest's memory comes from the node it is to run on
# TIMEOUT: 120
. "$(dirname "$0")/lib.sh"
run_dom0 -n 2 -d 400 -q "-object memory-backend-ram,id=m0,size=1G -object memory-backend-ram,id=m1,size=1G
    -numa node,nodeid=0,memdev=m0,cpus=0 -numa node,nodeid=1,memdev=m1,cpus=1 -numa dist,src=0,dst=1,val=21" <<'END'
toolstack_start
node_column() { # node column: 2 its size, 3 its free memory, 4 the distances from it
    xl info -n | sed -n '/^numa_info/,$p' | awk -v n="$1:" -v c="$2" '$1 == n { print $c }'
}
check_equal nodes "$(xl info | awk '$1 == "nr_nodes" { print $3 }')" 2
check_equal size-of-node-0 "$(node_column 0 2)" 1024
check_equal size-of-node-1 "$(node_column 1 2)" 1023 # the firmware keeps the machine's last 128 KiB
check_equal distances "$(node_column 0 4) $(node_column 1 4)" "10,21 21,10"
check_equal nodes-of-cpus "$(xl info -n | sed -n '/^cpu_topology/,/^device/p' |
    awk '$1 ~ /^[0-9]+:$/ { printf "%s%s ", $1, $4 }')" "0:0 1:1 "
free=$(free_mib)
check_equal free-is-the-sum $(($(node_column 0 3) + $(node_column 1 3) + 1 >= free)) 1

# xl places a guest on the node with the most free memory: on 0, until the first has taken enough of it.
placed() { # NAME MIB NODE
    local before taken
    before=("$(node_column 0 3)" "$(node_column 1 3)")
    guest_config "$1" cloud 1 "$2"
    check "create-$1" xl create -p "/tmp/$1.cfg"
    taken=($((before[0] - $(node_column 0 3))) $((before[1] - $(node_column 1 3))))
    note "of $2 MiB $1 took ${taken[*]} from the nodes"
    check "near-$1" test "${taken[$3]}" -ge $(($2 - 8))
    check "not-far-$1" test "${taken[1 - $3]}" -le 8
    check_equal "affinity-$1" "$(node_affinity "$1")" "$3"
}
node_affinity() { xl list -n "$1" | awk 'NR == 2 { print $NF }'; }
placed first 420 0
placed second 128 1
check destroy-first xl destroy first
check destroy-second xl destroy second
# A domain that was not placed belongs where its processors are.
check affinity-dom0 eval "node_affinity Domain-0 | grep -x all"
check pin-dom0 xl vcpu-pin Domain-0 all 1
check_equal affinity-dom0-pinned "$(node_affinity Domain-0)" 1
check_free_mib all-free-again "$free"
finish
END
conclude
