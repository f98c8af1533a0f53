# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# A guest that is saved and restored: what must be as it was, looked at from dom0 by asking its shell over
# TCP.  The host gives the programs keeper and savefile (tests/system/programs).

# libxc's numbers of records, and places in a record of a vCPU (hypervisor/abi/xen.h: struct vcpu_guest_context).
# shellcheck disable=SC2034  # for the tests
record_vcpu=4 vcpu_rip=$((8 + 520 + 128))
keeper_cpus=0 guest_data_sum=''

guest_ask() { echo "$*" | timeout 15 nc 10.9.0.2 7100; }
guest_answers() { [ "$(guest_ask echo hello)" = hello ]; }
record() { /payload/savefile "$1" | awk -v t="$2" '$1 == t { print $2; exit }'; } # FILE TYPE: where its body is

# save_guest_start NAME FLAVOUR VCPUS MEMORY [CONFIG-LINE]: up, with data in memory, a thread on each vCPU and an open
# connection.
save_guest_start() {
    guest_files=payload/keeper
    guest_config "$1" "$2" "$3" "$4" 'pavis.ip=10.9.0.2 pavis.serve' "
disk = [ 'phy:/dev/vda,xvda,w' ]
vif = [ 'bridge=xenbr0,mac=00:16:3e:00:00:02' ]
${5:-}"
    keeper_cpus=$3
    check "$1-create" xl create "/tmp/$1.cfg"
    check "$1-up" guest_wait "$1" 90 '^GUEST idle'
    check "$1-answers" wait_for 20 guest_answers
    guest_ask '/payload/keeper </dev/null >/dev/null 2>&1 &'
    guest_ask 'dd if=/dev/urandom of=/tmp/kept bs=1M count=2'
    guest_data_sum=$(guest_ask 'sha256sum </tmp/kept')
    check "$1-data" test ${#guest_data_sum} -gt 64
    save_guest_connect
}

# One connection from here on, over which the guest tells its counts.  nc ends when its own input does, so that
# never ends.
save_guest_connect() {
    mkfifo /tmp/never 2>/dev/null
    sleep 100000 >/tmp/never &
    nc -l -p 7003 </tmp/never >/tmp/stream &
    guest_ask '(while cat /tmp/keeper; do usleep 200000; done) 2>/dev/null | nc 10.9.0.1 7003 >/dev/null 2>&1 &'
}

stream_sum() { tail -n 2 /tmp/stream | head -n 1 | cut -d' ' -f1; } # the last line may be half there
stream_beyond() { [ "$(stream_sum)" -gt "$1" ]; }

# save_turns NAME LABEL N: saved and restored N times, each time intact.
save_turns() {
    local turn
    for ((turn = 1; turn <= $3; turn++)); do
        check "$2-save-$turn" xl save "$1" /tmp/saved
        check "$2-gone-$turn" guest_gone "$1"
        check "$2-restore-$turn" xl restore /tmp/saved
        save_guest_intact "$2-$turn"
    done
    rm /tmp/saved
}

# save_guest_intact LABEL: what was there is there, every vCPU goes on, no register changed, no clock went back.
save_guest_intact() {
    local sum facts
    check "$1-answers" wait_for 60 guest_answers
    # One line each, in one connection.
    mapfile -t facts < <(guest_ask 'sha256sum </tmp/kept; nproc; date +%s; cat /tmp/keeper
        dd if=/dev/xvda bs=1M count=1 iflag=direct 2>/dev/null | sha256sum; sleep 1; cat /tmp/keeper')
    check_equal "$1-memory" "${facts[0]}" "$guest_data_sum"
    check_equal "$1-vcpus" "${facts[1]}" "$keeper_cpus"
    check "$1-date" test $(($(date +%s) - ${facts[2]:-0})) -lt $((10 * time_factor))
    check_equal "$1-disk" "${facts[4]}" "$(dd if=/dev/vda bs=1M count=1 iflag=direct status=none | sha256sum)"
    check_equal "$1-registers-and-clocks" "$(cut -d' ' -f3- <<<"${facts[5]}")" '0 0'
    check "$1-all-vcpus-count" test "$(cut -d' ' -f2 <<<"${facts[5]}")" -gt "$(cut -d' ' -f2 <<<"${facts[3]}")"
    sum=$(stream_sum)
    check "$1-connection" wait_for 60 stream_beyond "$sum"
}

# restore_refused NAME LABEL FILE: the restore ends with an error and leaves no domain.
restore_refused() {
    local output
    if output=$(xl restore "$3" 2>&1); then
        fail "$2-refused" "xl restore took it"
        xl destroy "$1"
    else
        pass "$2-refused"
        note "$2: $(echo "$output" | tr '\r' '\n' | grep -iE 'error|fail|bad|invalid' | head -1)"
    fi
    check "$2-nothing-left" wait_for 20 guest_gone "$1"
}

# poke FILE OFFSET OCTAL-ESCAPES, and back with unpoke.
poke() {
    local count
    # shellcheck disable=SC2059  # the escapes are the format
    count=$(printf "$3" | wc -c)
    dd if="$1" of=/tmp/poked bs=1 skip="$2" count="$count" status=none
    # shellcheck disable=SC2059
    printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
unpoke() { dd if=/tmp/poked of="$1" bs=1 seek="$2" conv=notrunc status=none; } # FILE OFFSET
