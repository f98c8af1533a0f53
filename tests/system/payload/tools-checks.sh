# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Our store, its library and utilities and our console daemon in dom0, on Pavis and on Xen alike, beside
# Debian's in /debian; then a guest's whole life while the daemons are killed at random moments.
# Sourced after guest-checks.sh with TOOLS=ours.

pid_of() { grep -lx "$1" /proc/[0-9]*/comm | head -1 | cut -d/ -f3; }
both_live() { [ -n "$(pid_of xenstored)" ] && [ -n "$(pid_of xenstore-keeper)" ]; }
theirs() { LD_LIBRARY_PATH=/debian/usr/lib/x86_64-linux-gnu:$LD_LIBRARY_PATH /debian/usr/bin/xenstore "$@"; }

tools_whose() { # one line each: which file is at work
    local name
    for name in xenstored xenconsoled; do
        check_equal "$name-is-ours" "$(sha256sum <"/proc/$(pid_of $name)/exe")" \
            "$(cd /tmp && cpio -i --to-stdout usr/sbin/$name </payload/ours.cpio 2>/dev/null | sha256sum)"
    done
    check consoled-library eval 'grep -q libxenstore.so.4.0 /proc/$(pid_of xenconsoled)/maps'
    check xl-library eval 'LD_TRACE_LOADED_OBJECTS=1 xl | grep -q /usr/lib/x86_64-linux-gnu/libxenstore.so.4'
}

store_client_checks() { # ours and Debian's clients see and do the same, by socket and by the kernel's device
    local watcher
    check write theirs write /test/a one /test/b/c two
    check_equal read "$(xenstore-read /test/a /test/b/c | tr '\n' ' ')" 'one two '
    check_equal list "$(theirs list /test | tr '\n' ' ')" 'a b '
    check chmod xenstore-chmod /test/a n0 r5
    check_equal ls "$(theirs ls -fp /test | tr '\n' '|')" '/test/a = "one"   (n0,r5)|/test/b = ""   (n0)|/test/b/c = "two"   (n0)|'
    theirs watch -n 3 /test >/tmp/watched &
    watcher=$!
    check watch-set wait_for 10 grep -q /test /tmp/watched
    xenstore-write /test/b/d three
    check rm theirs rm /test/b
    check watch-ends wait_for 10 eval "! kill -0 $watcher"
    check_equal watched "$(tr '\n' ' ' </tmp/watched)" '/test /test/b/d /test/b '
    check exists eval '! xenstore-exists /test/b'
    check_equal all "$(xenstore-ls -fp | sha256sum)" "$(theirs ls -fp | sha256sum)"

    export XENSTORED_PATH=/dev/xen/xenbus
    check_equal device-ls "$(xenstore-ls -fp | sha256sum)" "$(theirs ls -fp | sha256sum)"
    check device-write xenstore-write /tool/device one /tool/device/x two
    check_equal device-read "$(xenstore-read -p /tool/device /tool/device/x)" "$(theirs read -p /tool/device /tool/device/x)"
    check_equal device-watch "$(xenstore-watch -n 2 /tool/device /tool/device/x)" "$(printf '/tool/device\n/tool/device/x')"
    check device-rm xenstore-rm -t /tool/device/x
    check device-refuses eval '! xenstore-read /tool/device/x'
    unset XENSTORED_PATH
    check control eval 'xenstore-control check && xenstore-control help | grep -q memreport'
}

# Until /tmp/killer.stop is there: SIGKILL for one of the daemons after a random time.  xenstored and its
# keeper start each other again; xenconsoled is started as whatever supervises it would.
killer() { # SEED
    local victim pid
    RANDOM=$1
    while [ ! -e /tmp/killer.stop ]; do
        usleep $((200000 + RANDOM % 1000 * 1500))
        victim=$(set -- xenstored xenstore-keeper xenconsoled && shift $((RANDOM % 3)) && echo "$1")
        pid=$(pid_of $victim)
        kill -9 "$pid" && echo $victim >>/tmp/killed
        if [ $victim = xenconsoled ]; then
            usleep $((RANDOM % 300 * 1000))
            consoled_start
        else
            wait_for 10 both_live || echo "not-again-$victim" >>/tmp/killed
        fi
    done
}

killer_start() { # SEED
    rm -f /tmp/killer.stop
    killer "$1" 2>/dev/null &
    killer=$!
}
killer_stop() {
    touch /tmp/killer.stop
    wait $killer
}

# A client's and a guest's view of the store stay as they are; a guest lives from creation to shutdown.
tools_under_kill() { # NAME SEED
    local name=$1 before watcher free
    free=$(free_mib)
    : >/tmp/killed
    xenstore-watch /test >/tmp/events &
    watcher=$!
    killer_start "$2"
    guest_start "$name" cloud 1 phy:/dev/vda
    guest_data_checks "$name" /dev/vda "$vda_sum" 1
    # Who is attached when the daemon dies loses the terminal, and attaches again.
    check "$name-console" wait_for 60 console_answers "$name"
    killer_stop
    before=$(xenstore-ls -fp)
    for victim in xenstored xenstore-keeper; do
        check "kill-$victim" kill -9 "$(pid_of $victim)"
        usleep 200000
        check "another-$victim" wait_for 10 both_live
    done
    check_equal same-after-kill "$(xenstore-ls -fp)" "$before"
    xenstore-write /test/after-kill 1
    check watch-lives wait_for 10 grep -q after-kill /tmp/events
    kill $watcher
    check "$name-list" eval "xl list | grep -q '^$name '"
    killer_start "$2$2"
    check "$name-shutdown" xl shutdown -w "$name"
    check "$name-gone" wait_for 30 guest_gone "$name"
    killer_stop
    check_equal nothing-left "$(xenstore-list /local/domain | tr '\n' ' ')" '0 '
    check_free_mib "$name-memory-back" "$free"
    check kills eval '[ $(grep -c "^xen" /tmp/killed) -ge 6 ] && ! grep -q not-again /tmp/killed'
    echo "FIGURE kills while $name lived: $(sort /tmp/killed | uniq -c | tr -s ' \n' ' ')"
    [ "$failed" = 0 ] || guest_show "$name"
}

load_drivers
check toolstack toolstack_start
bridge_start
guest_servers_start
tools_whose
store_client_checks
tools_under_kill k "${kill_seed:-1}"
guest_servers_stop
finish
