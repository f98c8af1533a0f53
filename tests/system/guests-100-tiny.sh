#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: a hundred tiny guests made by pavis live at once on a machine of 4 GiB, all answer, and all of it comes back
# TIMEOUT: 600
# LONG
TOOLS=ours
. "$(dirname "$0")/lib.sh"
more_payload=("$top/build/guests/domu.elf")
run_dom0 -m 4096 <<'END'
. /payload/guest-checks.sh
. /payload/pavis-checks.sh
number=100
check toolstack toolstack_start
said() { local i n=0; for i in $(seq $number); do ! grep -q '^LIMITS ok' "$(guest_log "t$i")" 2>/dev/null || n=$((n + 1)); done; echo $n; }
tiny() { printf '%s\n' "name = \"$1\"" 'kernel = "/payload/domu.elf"' 'memory = 16' 'extra = "stay"'; }
tiny t0 >/tmp/t.cfg
check first pavis create -q /tmp/t.cfg # what only the first guest makes
check first-end pavis destroy t0
before
start=$(uptime_s)
bad=
for i in $(seq $number); do
    tiny "t$i" >/tmp/t.cfg
    pavis create -q /tmp/t.cfg || { bad="guest $i"; break; }
done
check_equal created "$bad" ''
echo "FIGURE $number guests in $(seconds_since "$start") s, $(free_mib) of $free_before MiB free"
check_equal listed "$(pavis list | tail -n +2 | wc -l)" $((number + 1))
check all-say-so wait_for 120 eval '[ "$(said)" = $number ]'
check_equal none-crashed "$(pavis list | awk 'NR > 2 { print $5 }' | grep -c '[sc]')" 0
check xl-sees-them eval '[ "$(xl list | wc -l)" = $((number + 2)) ]'
check audit pavis audit
# shellcheck disable=SC2046 # words
check destroy pavis destroy $(seq $number | sed 's/^/t/')
left_nothing
finish
END
conclude
