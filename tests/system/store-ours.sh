#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: our xenstored serves Debian's xl, xenstore-* and a guest; killed meanwhile, it is missed by nobody
# TIMEOUT: 300
. "$(dirname "$0")/lib.sh"
new_disk vda
more_payload=("$top/build/root/usr/sbin/xenstored")
run_dom0 -D "$work/vda" <<'END'
. /payload/guest-checks.sh
load_drivers
check toolstack toolstack_start
store_pid() { grep -lx "$1" /proc/[0-9]*/comm | head -1 | cut -d/ -f3; }
check_equal store-is-ours "$(readlink "/proc/$(store_pid xenstored)/exe")" /payload/xenstored
bridge_start
guest_servers_start

# Debian's programs against it.
check write xenstore-write /test/a one /test/b/c two
check_equal read "$(xenstore-read /test/a /test/b/c | tr '\n' ' ')" 'one two '
check_equal list "$(xenstore-list /test | tr '\n' ' ')" 'a b '
check chmod xenstore-chmod /test/a n0 r5
check_equal ls "$(xenstore-ls -fp /test | tr '\n' '|')" '/test/a = "one"   (n0,r5)|/test/b = ""   (n0)|/test/b/c = "two"   (n0)|'
xenstore-watch -n 3 /test >/tmp/watched &
watcher=$!
check watch-set wait_for 10 grep -q /test /tmp/watched
xenstore-write /test/b/d three
check rm xenstore-rm /test/b
check watch-ends wait_for 10 eval "! kill -0 $watcher"
check_equal watched "$(tr '\n' ' ' </tmp/watched)" '/test /test/b/d /test/b '
check exists eval '! xenstore-exists /test/b'

# The life of a guest, in the middle of which the store is killed.
guest_start k cloud 1 phy:/dev/vda
guest_data_checks k /dev/vda "$vda_sum" 1
xenstore-watch /local/domain/0 >/tmp/events &
watcher=$!
before=$(xenstore-ls -fp)
for victim in xenstored xenstore-keeper xenstored; do
    check "kill-$victim" kill -9 "$(store_pid $victim)"
    usleep 200000
    check "another-$victim" wait_for 10 eval "[ -n \"\$(store_pid xenstored)\" ] && [ -n \"\$(store_pid xenstore-keeper)\" ]"
done
check_equal same-after-kill "$(xenstore-ls -fp)" "$before"
xenstore-write /local/domain/0/after-kill 1
check watch-lives wait_for 10 grep -q after-kill /tmp/events
kill $watcher
check guest-answers ping -c 3 -W 2 10.9.0.2
check list-after-kill eval "xl list | grep -q '^k '"
check console-after-kill console_answers k
check shutdown xl shutdown -w k
check gone wait_for 30 guest_gone k
check_equal nothing-left "$(xenstore-list /local/domain | tr '\n' ' ')" '0 '
guest_servers_stop
finish
END
conclude
