#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: our xenconsoled serves guests' consoles to Debian's xl: log, limit, replay on attach, killed and started again
# TIMEOUT: 300
# LONG
TOOLS=ours
. "$(dirname "$0")/lib.sh"
new_disk vda
run_dom0 -D "$work/vda" <<'END'
. /payload/guest-checks.sh
consoled_options='--log-limit=16 --replay=4'
daemon_fds() { ls "/proc/$(cat /run/xenconsoled.pid)/fd" | wc -l; }
# What `xl console` shows to who types nothing (first argument) and is told to leave after a moment.
attached() {
    { sleep 2; printf '\035'; } | timeout 20 script -qec "xl console $1" /dev/null
}
log=$(guest_log g)

load_drivers
check toolstack toolstack_start
check daemon-is-ours eval 'xenconsoled -V | grep -q Pavis'
bridge_start
guest_servers_start
fds=$(daemon_fds)
guest_start g cloud 1 phy:/dev/vda
check log-of-the-boot eval 'guest_seen g "^GUEST idle"'
check console-answers console_answers g

# Who attaches sees what was said before, the second time too.
for time in first second; do check replay-$time eval 'attached g | grep -q answer-42'; done

# More than the limit: one older file, both within it, nothing of the end lost.
{
    sleep 2
    printf 'seq 10000 14000\n'
    wait_for 30 eval 'tail -3 $log | grep -q ^14000'
    sleep 2
    printf '\035'
} | timeout 90 script -qec "xl console g" /dev/null >/tmp/seq.out
check_equal output-complete "$(tr -d '\r' </tmp/seq.out | grep -cE '^1[0-9]{4}$')" 4001
check log-ends-well eval 'tail -3 '$log' | grep -q "^14000"'
check log-within-limit eval '[ $(stat -c %s '$log') -le 16384 ] && [ $(stat -c %s '$log'.1) -le 16384 ]'
mv "$log" /tmp/moved
kill -HUP "$(cat /run/xenconsoled.pid)"
check console-after-hangup console_answers g
check log-reopened grep -q answer-42 "$log"

check hypervisor-log eval 'xl debug-keys h; wait_for 5 grep -q "key .h. => list" '$guest_log_dir'/hypervisor.log'

# Nobody misses what is said while no daemon runs: the guest's ring keeps it.
pid=$(cat /run/xenconsoled.pid)
kill -9 "$pid"
check daemon-again wait_for 10 eval '[ "$(cat /run/xenconsoled.pid)" != '"$pid"' ] && kill -0 "$(cat /run/xenconsoled.pid)"'
check console-after-kill console_answers g

check destroy xl destroy g
check gone wait_for 20 guest_gone g
# Two devices are opened when they are first needed.
check descriptors wait_for 10 eval '[ $(daemon_fds) -le '$((fds + 2))' ]'
kill "$(cat /run/xenconsoled.pid)"
check ends wait_for 10 eval '[ ! -e /run/xenconsoled.pid ] && ! grep -lxE "xenconsoled|consoled-keeper" /proc/[0-9]*/comm'
guest_servers_stop
finish
END
conclude
