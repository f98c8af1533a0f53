#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: eight guests of 80 MiB are alive at once and all get to their init; free memory then as before
# TIMEOUT: 300
. "$(dirname "$0")/lib.sh"
run_dom0 <<'END'
check toolstack toolstack_start
free=$(free_mib)
for i in $(seq 8); do
    guest_config "a$i" cloud 1 80
    check "create-$i" tool create -q "/tmp/a$i.cfg"
done
for i in $(seq 8); do check "up-$i" guest_wait "a$i" 120 '^GUEST idle'; done
check_equal all-listed "$(tool list | tail -n +2 | wc -l)" 9
for i in $(seq 8); do check "shutdown-$i" tool shutdown "a$i"; done
for i in $(seq 8); do check "gone-$i" wait_for 60 guest_gone "a$i"; done
check_free_mib memory-back "$free"
finish
END
conclude
