# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Our store, its library and utilities and our console daemon in dom0, on Pavis and on Xen alike, beside
# Debian's in /debian; then a guest's whole life while the daemons are killed at random moments.
# Sourced after guest-checks.sh with TOOLS=ours.

pid_of() { grep -lx "$1" /proc/[0-9]*/comm | head -1 | cut -d/ -f3; }
daemons='xenstored xenstore-keeper xenconsoled consoled-keeper'
all_live() { local name; for name in $daemons; do [ -n "$(pid_of "$name")" ] || return 1; done; }
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

# Until /tmp/killer.stop is there: SIGKILL for one of the daemons after a random time.  Each daemon and its
# keeper start each other again.
killer() { # SEED
    local victim pid
    RANDOM=$1
    while [ ! -e /tmp/killer.stop ]; do
        usleep $((200000 + RANDOM % 1000 * 1500))
        # shellcheck disable=SC2086 # words
        victim=$(set -- $daemons && shift $((RANDOM % 4)) && echo "$1")
        pid=$(pid_of "$victim")
        kill -9 "$pid" && echo "$victim" >>/tmp/killed
        wait_for 10 all_live || echo "not-again-$victim" >>/tmp/killed
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
    pavis_checks "$name"
    pavis_console_checks "$name"
    before=$(xenstore-ls -fp)
    for victim in $daemons; do
        check "kill-$victim" kill -9 "$(pid_of "$victim")"
        usleep 200000
        check "another-$victim" wait_for 10 all_live
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
    check kills eval '[ $(grep -c "^[xc]" /tmp/killed) -ge 6 ] && ! grep -q not-again /tmp/killed'
    echo "FIGURE kills while $name lived: $(sort /tmp/killed | uniq -c | tr -s ' \n' ' ')"
    [ "$failed" = 0 ] || guest_show "$name"
}

# Equal but for the seconds at the ends of lines, where a processor is at the moment, and whether what is
# paused was blocked.
same_as_xl() { # NAME VERB...
    local name=$1
    shift
    pavis "$@" >/tmp/ours.out 2>&1
    xl "$@" >/tmp/theirs.out 2>&1
    # shellcheck disable=SC2016 # sed's
    check_equal "$name" "$(sed -E "$masked" /tmp/ours.out)" "$(sed -E "$masked" /tmp/theirs.out)"
}
masked='s/-b(p---)/--\1/; s/ +[0-9]+\.[0-9]( |$)/ T\1/; s/^(free_memory|host) .*/\1/; s/^(Domain-0 .*) [0-9]+   ... /\1 /'

pavis_refuses() { # WORDS VERB...: status 1, and the words in what it says
    local words=$1
    shift
    ! pavis "$@" >/tmp/refused.out 2>&1 && grep -q "$words" /tmp/refused.out || { cat /tmp/refused.out; return 1; }
}

pavis_checks() { # NAME: a guest that xl made
    local name=$1
    check pavis-doctor pavis doctor
    check pavis-doctor-json eval 'pavis doctor --json | grep -q "\"check\": \"xenstored\""'
    check pavis-pause pavis pause "$name"
    check_equal pavis-paused "$(guest_state "$name" | cut -c3)" p
    same_as_xl pavis-list list
    same_as_xl pavis-list-one list "$name"
    same_as_xl pavis-list-v list -v
    same_as_xl pavis-list-c list -c
    same_as_xl pavis-vcpu-list vcpu-list
    check pavis-unpause pavis unpause "$name"
    check_equal pavis-unpaused "$(guest_state "$name" | cut -c3)" -
    same_as_xl pavis-info info
    same_as_xl pavis-dmesg dmesg
    same_as_xl pavis-domid domid "$name"
    same_as_xl pavis-domname domname "$(pavis domid "$name")"
    check pavis-list-json eval 'pavis list -l | grep -q "\"name\": \"'"$name"'\""'
    check pavis-rename pavis rename "$name" other
    check_equal pavis-renamed "$(xl domid other)" "$(pavis domid other)"
    check pavis-rename-back pavis rename other "$name"
    check pavis-no-domain pavis_refuses 'there is no domain' list nosuch
    check pavis-dom0-goes-on pavis_refuses 'stop the control domain' pause 0
    check pavis-name-taken pavis_refuses 'has the name' rename "$name" Domain-0
    if on_pavis; then
        check_equal pavis-audit "$(pavis audit)" clean
    else
        check pavis-audit pavis_refuses 'only Pavis has an audit' audit
    fi
    check pavis-console console_answers "$name" pavis
}

# The terminal is as it was; a daemon that is killed meanwhile does not end the console, and nothing is lost of
# what the guest says at that time.
pavis_console_checks() { # NAME
    {
        sleep 2
        printf '(for i in $(seq 1000 1299); do echo line-$i; sleep 0.01; done) &\n'
        sleep 1
        kill -9 "$(pid_of xenconsoled)"
        sleep 4
        printf '\necho again-$((6 * 8))\n'
        sleep 3
        printf '\035'
    } | timeout 30 script -qec "stty -a >/tmp/stty.0; pavis console $1; echo status \$?; stty -a >/tmp/stty.1" /dev/null >/tmp/console.out 2>&1
    check pavis-console-lines wait_for 20 eval "guest_seen $1 line-1299"
    check_equal pavis-console-complete "$(guest_seen "$1" line-1 | grep -oE 'line-1[0-9]{3}' | sort -u | wc -l)" 300
    check pavis-console-goes-on grep -q again-48 /tmp/console.out
    check pavis-console-status grep -q '^status 0' /tmp/console.out
    check_equal pavis-terminal "$(cat /tmp/stty.1)" "$(cat /tmp/stty.0)"
    timeout -s TERM 3 script -qec "stty -a >/tmp/stty.0; timeout -s TERM 1 pavis console $1; stty -a >/tmp/stty.1" /dev/null >/dev/null 2>&1 </dev/zero
    check_equal pavis-terminal-killed "$(cat /tmp/stty.1)" "$(cat /tmp/stty.0)"
}

# pavis makes a network with what dom0 has, and leaves nothing of it.
own_network_checks() {
    check own-network pavis net-create lab
    check own-network-whole eval 'pavis net-list --json | grep -q "\"whole\": true"'
    check own-network-ends pavis net-destroy lab
    check own-network-nothing eval '[ ! -e /sys/class/net/pv-lab ] && [ -z "$(nft list ruleset)" ] && [ -z "$(pidof dnsmasq)" ]'
}

load_drivers
tools_install
check pavis-doctor-before pavis_refuses 'FAILURE  xenstored' doctor
check toolstack toolstack_start
bridge_start
own_network_checks
guest_servers_start
tools_whose
store_client_checks
tools_under_kill k "${kill_seed:-1}"
guest_servers_stop
finish
