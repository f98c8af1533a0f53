#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: twenty guests of 80 MiB created and destroyed in turn leave free memory as it was
# TIMEOUT: 300
# LONG
. "$(dirname "$0")/lib.sh"
run_dom0 <<'END'
check toolstack toolstack_start
free=$(free_mib)
for i in $(seq 20); do
    guest_config "t$i" cloud 1 80
    check "create-$i" tool create -q "/tmp/t$i.cfg"
    # Each lives a little longer than the one before, so that they die at different points of their boot;
    # every tenth gets to its init.
    if [ $((i % 10)) = 0 ]; then check "up-$i" guest_wait "t$i" 60 '^GUEST init'; else usleep $((i * 100000)); fi
    check "destroy-$i" tool destroy "t$i"
done
check_free_mib memory-back "$free"
check_equal only-dom0 "$(tool list | tail -n +2 | wc -l)" 1
finish
END
conclude
