# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# `pavis run`: exit codes, bytes, disks, networks, ends.  Sourced after pavis-checks.sh with TOOLS=ours.
# Guests have the cloud kernel, which starts sooner; the default is tried once.

# What there is to know of a failure, before anything else runs.
fail() {
    local file
    failed=$((failed + 1))
    echo "TEST $1 FAIL ${*:2}"
    for file in /tmp/run.out /tmp/run.err "$(ls -t $guest_log_dir/guest-*.log | head -1)"; do
        echo "--- $file, its end:"
        tail -c 2000 "$file" | cat -v
        echo
    done
}
run() { timeout $((120 * ${time_factor:-1})) pavis run --kernel "$run_kernel" "$@"; }
run_code() { # NAME CODE ARGUMENT...: the exit code is this
    local name=$1 code=$2 got=0
    shift 2
    run "$@" </dev/null >/tmp/run.out 2>/tmp/run.err || got=$?
    check_equal "$name" "$got" "$code"
}
run_gone() { [ "$(xenstore-list /local/domain | tr '\n' ' ')" = '0 ' ] && [ -z "$(records)" ]; }

run_codes() {
    local start
    start=$(uptime_s)
    run_code run-exit-3 3 --env 'A=x y' -- sh -c '[ "$A" = "x y" ] && exit 3'
    echo "FIGURE pavis run with a small root: $(seconds_since "$start") s"
    run_code run-not-found 127 -- /no/such/program
    check run-not-found-says grep -q 'cannot run /no/such/program' /tmp/run.err
    run_code run-no-disk 125 --disk /no/such/image -- true
    run_code run-bad-option 125 --memory lots -- true
}
run_codes_more() {
    run_code run-not-runnable 126 -- /etc/passwd
    run_code run-signal 143 -- sh -c 'kill -TERM $$'
    run_code run-crash 254 -- sh -c 'echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger; sleep 60'
    run_code run-time-over 253 --timeout 10 -- sleep 1000
}

run_pipe() {
    head -c 3M /dev/urandom >/tmp/run.data
    run -- sh -c 'cat; echo to-error >&2; tty; exit 5' </tmp/run.data >/tmp/run.out 2>/tmp/run.err
    check_equal run-pipe-code $? 5
    { cat /tmp/run.data; echo 'not a tty'; } >/tmp/run.wanted
    check run-bytes-exact cmp /tmp/run.out /tmp/run.wanted
    check_equal run-error "$(cat /tmp/run.err)" to-error
}

# On a terminal: a shell that is typed to, the window's size, its Ctrl-C.
run_terminal() {
    mkfifo /tmp/keys
    timeout 90 script -qec "stty rows 33 cols 77; pavis run --kernel $run_kernel" /dev/null </tmp/keys >/tmp/run.out 2>&1 &
    exec 7>/tmp/keys
    check run-prompt wait_for 60 grep -q '# ' /tmp/run.out
    printf 'stty size; tty; sleep 100\n' >&7
    check run-size wait_for 30 grep -q '^33 77' /tmp/run.out
    grep -q '^33 77' /tmp/run.out || cat -v /tmp/run.out
    printf '\003exit 9\n' >&7
    wait $!
    check_equal run-terminal-code $? 9
    exec 7>&-
    check run-terminal grep -q /dev/pts/0 /tmp/run.out
}

run_root_image() {
    mkdir -p /tmp/root/{bin,etc,proc,sys,dev,run,tmp,root}
    cp /usr/bin/busybox /tmp/root/bin/
    ln -s busybox /tmp/root/bin/sh
    echo first >/tmp/root/word
    mke2fs -q -F -t ext4 -d /tmp/root /tmp/root.img 16M 2>/dev/null
}

# What is written over an image does not stay.
run_overlay() {
    local sum
    run_root_image
    sum=$(sha256sum </tmp/root.img)
    run --disk /tmp/root.img,overlay -- sh -c 'busybox cat /word; echo third >/word && busybox cat /word' >/tmp/run.out
    check_equal run-overlay "$? $(tr '\n' ' ' </tmp/run.out)" '0 first third '
    check_equal run-overlay-untouched "$(sha256sum </tmp/root.img)" "$sum"
}

# The disk that the host gave is seen as it is; an image is a root, for writing and not.
run_disks() {
    local sum
    run --disk /tmp/root.img -- sh -c 'busybox cat /word; echo second >/word' >/tmp/run.out
    check_equal run-root "$? $(cat /tmp/run.out)" '0 first'
    check run-root-clean e2fsck -fn /tmp/root.img
    sum=$(sha256sum </tmp/root.img)
    run --disk /tmp/root.img,ro --disk /dev/vda,data,ro -- sh -c 'busybox head -c 8388608 /dev/xvdb | busybox sha256sum; echo fourth >/word' \
        >/tmp/run.out 2>/tmp/run.err
    check_equal run-read-only "$? $(grep -c 'Read-only' /tmp/run.err)" '1 1'
    check_equal run-disk-data "$(cut -d' ' -f1 /tmp/run.out)" "$vda_sum"
    check_equal run-untouched "$(sha256sum </tmp/root.img)" "$sum"
    printf '#!/bin/sh\necho own-init as $$ >/dev/hvc0\nbusybox poweroff -f\n' >/tmp/root/init-own
    chmod +x /tmp/root/init-own
    mke2fs -q -F -t ext4 -d /tmp/root /tmp/root.img 16M
    run --boot --disk /tmp/root.img -- /init-own </dev/null >/tmp/run.out
    check_equal run-boot-code $? 0
    check run-boot grep -q 'own-init as 1' /tmp/run.out
}

run_tcp() {
    guest_servers_start
    run --net xenbr0 --ip 10.9.0.7/24,10.9.0.1 -- sh -c 'nc 10.9.0.1 7001 | sha256sum' >/tmp/run.out
    check_equal run-tcp "$(cut -d' ' -f1 /tmp/run.out)" "$net_sum"
    guest_servers_stop
}
# A network that comes and goes with who uses it; its address, its name server, the way out.
run_nat() {
    run --net nat -- sh -c 'ip -4 addr show eth0; ping -c 1 $(ip route | sed -n "s/default via \([0-9.]*\).*/\1/p") >/dev/null && echo pinged
        cat /etc/resolv.conf' >/tmp/run.out 2>/tmp/run.err
    check run-nat eval 'grep -q "inet 10\." /tmp/run.out && grep -q pinged /tmp/run.out && grep -q nameserver /tmp/run.out'
    check run-nat-gone wait_for 10 own_network_gone
}

# Without anybody who waits: its command is on its console, its code is asked for, before its end and after.
run_detached() {
    check run-detach timeout $((60 * ${time_factor:-1})) \
        pavis run --kernel "$run_kernel" --detach --name later -- sh -c 'echo on-the-console; read word; echo "got $word"; exit 9'
    check_equal run-detached "$(pavis list later | awk 'NR == 2 { print $1 }')" later
    check run-detached-says guest_wait later 60 '^on-the-console'
    pavis wait later >/tmp/run.code &
    echo "word" >"$(xenstore-read "/local/domain/$(pavis domid later)/console/tty")"
    check run-detached-ends wait_for 60 guest_gone later
    wait $!
    check_equal run-wait "$(cat /tmp/run.code)" 9
    check_equal run-wait-later "$(pavis wait later)" 9
    check run-detached-heard guest_seen later '^got word'
    refused run-wait-unknown 'no guest nobody' pavis wait nobody
    pavis run --kernel "$run_kernel" --detach --name later -- sh -c 'echo at-work; sleep 1000' >/dev/null
    check run-detached-again guest_wait later 60 '^at-work'
    check run-detached-shutdown pavis shutdown later
    check_equal run-detached-shutdown-code "$(pavis wait later)" 143
    rm /run/pavis/ended/later
}

# Killed at once, or by who ends its guest: nothing of it stays.
run_killed() {
    local runner
    pavis run --kernel "$run_kernel" --name victim --disk /tmp/root.img,ro -- sh -c 'echo up; busybox sleep 1000' \
        </dev/null >/tmp/run.out 2>&1 &
    runner=$!
    check run-victim-up wait_for 60 grep -q up /tmp/run.out
    check run-victim-lives kill -9 $runner
    check run-killed-gone wait_for 20 run_gone
}
run_ends() {
    local runner
    pavis run --kernel "$run_kernel" --name victim -- sh -c 'echo up; sleep 1000' </dev/null >/tmp/run.out 2>&1 &
    runner=$!
    check run-second-up wait_for 60 grep -q up /tmp/run.out
    check run-shutdown pavis shutdown victim # the guest's kernel asks pavis-init
    wait $runner
    check_equal run-shutdown-code $? 143
    pavis run --kernel "$run_kernel" --name victim -- sh -c 'echo up; sleep 1000' </dev/null >/tmp/run.out 2>&1 &
    runner=$!
    check run-third-up wait_for 60 grep -q up /tmp/run.out
    kill -INT $runner
    wait $runner
    check_equal run-interrupted 130 $?
    check run-all-gone wait_for 20 run_gone
}

run_checks_few() {
    run_kernel=/guest/vmlinuz-cloud
    run_codes
    # What the first device of a kind makes stays, as with xl; so does the supervisor, which runs by now.
    xenstore-write /local/domain/0/backend/pvnet '' /local/domain/0/backend/pvblk ''
    before
    run_pipe
    run_overlay
    run_nat
    run_killed
    left_nothing
}

run_checks_more() {
    run_codes_more
    run_terminal
    run_disks
    run_tcp
    run_detached
    run_ends
    run_kernel=/boot/vmlinuz-$(uname -r)
    run_code run-own-kernel 0 -- true
    left_nothing
}
