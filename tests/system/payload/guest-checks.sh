# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# One guest's life, checked from dom0: created with a disk and a bridged network, its data compared on
# both sides, every everyday command tried on it, gone again with nothing left.
#
# guest_life NAME FLAVOUR VCPUS DISK-SPEC DISK-DEVICE GIVEN-SUM
# DISK-SPEC is xl's (phy:/dev/vdb or a file); DISK-DEVICE is what dom0 reads to compare.

row() { tool list "$1" | awk 'NR == 2'; }
vcpus_listed() { tool vcpu-list "$1" | tail -n +2 | wc -l; }

console_answers() { # NAME [PROGRAM]: what is typed on the console is run by the guest's shell
    # xl reads its standard input only from a terminal, so give it one; Ctrl-] leaves.
    { sleep 2; printf '\necho answer-$((6 * 7))\n'; sleep 4; printf '\035'; } |
        timeout 20 script -qec "${2:-$(tool_of console)} console $1" /dev/null >/tmp/console.out 2>&1
    grep -q answer-42 /tmp/console.out || { tail -3 /tmp/console.out; return 1; }
}

guest_data_checks() { # NAME DISK-DEVICE GIVEN-SUM VCPUS
    check_equal "$1-vcpus" "$(guest_said "$1" cpus)" "$4"
    check_equal "$1-disk-read" "$(guest_said "$1" disk-read)" "$3"
    check_equal "$1-disk-written" "$(region_sum "$2" "$half_mib" "$half_mib")" "$(guest_said "$1" disk-written)"
    check_equal "$1-ping" "$(guest_said "$1" ping)" 5
    check_equal "$1-tcp-received" "$(guest_said "$1" tcp-received)" "$net_sum"
    check_equal "$1-tcp-sent" "$(guest_said "$1" tcp-sent)" "$net_sum"
    check "$1-ping-from-dom0" ping -c 3 -W 2 10.9.0.2
}

guest_list_checks() { # NAME VCPUS
    check_equal "$1-list-memory" "$(row "$1" | awk '{ print $3 }')" 256
    check_equal "$1-list-vcpus" "$(row "$1" | awk '{ print $4 }')" "$2"
    check_equal "$1-vcpu-list" "$(vcpus_listed "$1")" "$2"
    check "$1-block-list" eval "xl block-list $1 | grep -q 51712"
    check "$1-network-list" eval "xl network-list $1 | grep -q 00:16:3e"
    check "$1-uptime" eval "xl uptime $1 | grep -q '$1'"
    check "$1-domname" test "$(tool domname "$(tool domid "$1")")" = "$1"
}

guest_pause_checks() { # NAME: a paused guest spends no processor time, an unpaused one answers again
    local before
    check "$1-pause" tool pause "$1"
    check "$1-state-paused" eval "guest_state $1 | grep -q p"
    before=$(row "$1" | awk '{ print $6 }')
    sleep 2
    check_equal "$1-paused-time" "$(row "$1" | awk '{ print $6 }')" "$before"
    check "$1-paused-silent" eval '! ping -c 1 -W 1 10.9.0.2'
    check "$1-unpause" tool unpause "$1"
    check "$1-answers-again" wait_for 10 ping -c 1 -W 1 10.9.0.2
}

guest_start() { # NAME FLAVOUR VCPUS DISK-SPEC: until it is up
    guest_config "$1" "$2" "$3" 256 'pavis.ip=10.9.0.2 pavis.disk=xvda sysrq_always_enabled' "
disk = [ '$4,xvda,w' ]
vif = [ 'bridge=xenbr0,mac=00:16:3e:00:00:02' ]"
    check "$1-create" tool create "/tmp/$1.cfg"
    check "$1-up" guest_wait "$1" 90 '^GUEST idle'
}

guest_life() {
    local name=$1 free
    free=$(free_mib)
    guest_start "$1" "$2" "$3" "$4"
    guest_data_checks "$name" "$5" "$6" "$3"
    guest_list_checks "$name" "$3"
    check "$name-console" console_answers "$name"
    guest_pause_checks "$name"
    check "$name-shutdown" tool shutdown "$name"
    check "$name-gone" wait_for 40 guest_gone "$name"
    check_free_mib "$name-memory-back" "$free"
    [ "$failed" = 0 ] || guest_show "$name"
}
