# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What runs in dom0 have in common: results, disks, the network, the toolstack, guests.  Sourced by
# a payload's main.sh, after which the payload is a list of checks.  Every wait has an end.
#
# Results are lines on the console, the same that the tiny guests print:
#     TEST <name> ok | TEST <name> FAIL <reason>        and at the end DONE <n> passed <n> failed
# The host believes a run only if it ends with DONE and no failure (tests/system/lib.sh).

. /payload/env.sh # what the host decided: sizes and checksums of the disks

passed=0 failed=0
guest_log_dir=/var/log/xen

uptime_s() { local up; read -r up _ </proc/uptime; echo "$up"; }
seconds_since() { awk -v a="$1" -v b="$(uptime_s)" 'BEGIN { printf "%.1f", b - a }'; }
note() { echo "DOM0 $(uptime_s) $*"; }
on_pavis() { [ "$(cat /sys/hypervisor/version/extra 2>/dev/null)" = -pavis ]; }
parameter() { sed -n "s/.*\\b$1=\\([^ ]*\\).*/\\1/p" /proc/cmdline; }

pass() { passed=$((passed + 1)); echo "TEST $1 ok"; }
fail() { failed=$((failed + 1)); echo "TEST $1 FAIL ${*:2}"; }

# check NAME COMMAND...: the command succeeds.  Its output is shown where it fails.
check() {
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then
        pass "$name"
    else
        fail "$name" "'$*' gave: $(echo "$output" | tail -5 | tr '\n' '|')"
    fi
}

check_equal() { # NAME got wanted
    if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "got '$2' instead of '$3'"; fi
}

# wait_for SECONDS COMMAND...: until the command succeeds.  Waits stretch with the host's TIME_FACTOR.
wait_for() {
    local end=$((SECONDS + $1 * ${time_factor:-1}))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || return 1
        usleep 100000
    done
}

finish() {
    ! on_pavis || audit
    echo "DONE $passed passed $failed failed"
    [ "$failed" = 0 ]
}

# Asks the hypervisor to recount every reference and compare (docs/MEMORY.md).
audit() {
    toolstack_start
    xl debug-keys A
    if wait_for 60 eval 'xl dmesg | grep -q "audit: "'; then
        sleep 1
        check_equal audit "$(xl dmesg | grep -o 'audit: .*' | tail -1)" 'audit: clean'
    else
        fail audit "the hypervisor did not answer debug key A"
    fi
}

# ---- disk and network of the machine ---------------------------------------------------------------

load_drivers() { local m; for m in virtio_pci virtio_blk virtio_net; do modprobe $m; done; }

# Both read past the page cache, so that what is compared went through the device.
region_sum() { dd if="$1" bs=1M skip="$2" count="$3" iflag=direct status=none | sha256sum | cut -d' ' -f1; }
fill_region() { # device offset count: new random content; prints its checksum
    head -c "$3M" /dev/urandom >/tmp/fill
    dd if=/tmp/fill of="$1" bs=1M seek="$2" oflag=direct conv=notrunc status=none && sync
    sha256sum </tmp/fill | cut -d' ' -f1
    rm /tmp/fill
}

net_start() {
    load_drivers
    wait_for 10 test -e /sys/class/net/eth0 || return 1
    ip addr add 10.0.2.15/24 dev eth0
    ip link set eth0 up
    ip route add default via 10.0.2.2
}

# One request to scripts/netpeer on the host, its answer on standard output.  peer_host: through which network.
peer() {
    local port
    port=$(parameter pavis.peer)
    exec 3<>"/dev/tcp/${peer_host:-10.0.2.2}/$port" || return 1
    echo "$*" >&3
    cat <&3
    exec 3<&- 3>&-
}

peer_put() { # file: sends it, prints the checksum that the host computed
    local port
    port=$(parameter pavis.peer)
    exec 3<>"/dev/tcp/${peer_host:-10.0.2.2}/$port" || return 1
    { echo "PUT $(stat -c %s "$1")"; cat "$1"; } >&3
    sed -n 's/^sha256 //p' <&3
    exec 3<&- 3>&-
}

# ---- the toolstack ---------------------------------------------------------------------------------

# What is ours goes over what is Debian's, which moves to /debian for tests that hold one against the other.
tools_install() {
    local file
    [ "$tools" = ours ] && [ ! -d /debian ] || return 0
    mkdir /debian
    while read -r file; do
        [ -e "/$file" ] || continue
        mkdir -p "/debian/${file%/*}"
        mv "/$file" "/debian/$file"
    done < <(cpio -t </payload/ours.cpio 2>/dev/null)
    (cd / && cpio -idu </payload/ours.cpio 2>/dev/null)
    pavis help | sed -n 's/^  \([a-z-]*\) .*/\1/p' >/run/pavis.verbs
}

# The command line of this run: pavis for the verbs that it has, else Debian's xl.
pavis_has() { grep -qx "$1" /run/pavis.verbs 2>/dev/null; }
tool_of() { if pavis_has "$1"; then echo pavis; else echo xl; fi; }
tool() { "$(tool_of "$1")" "$@"; }

tools_text() {
    if [ "$tools" != ours ]; then
        echo "Debian's xenstored, xenconsoled and xl"
    elif pavis_has create; then
        echo "our xenstored, xenconsoled and pavis"
    else
        echo "our xenstored and xenconsoled, Debian's xl"
    fi
}

toolstack_start() {
    [ ! -e /run/xenstored.pid ] || return 0
    tools_install
    local module
    for module in xenfs xen-evtchn xen-gntdev xen-gntalloc xen-privcmd; do modprobe $module; done
    [ -e /proc/xen/capabilities ] || mount -t xenfs xenfs /proc/xen
    xenstored --pid-file /run/xenstored.pid
    wait_for 20 xenstore-read / || { echo "xenstored does not answer"; return 1; }
    xen-init-dom0 >/dev/null || { echo "xen-init-dom0 failed"; return 1; }
    consoled_start
    blkback_start
    netback_start
}

# Ours, for the disks and network cards of guests that pavis makes; xl's have the kernel's.
blkback_start() { ! type blkback >/dev/null 2>&1 || blkback; }
netback_start() { ! type netback >/dev/null 2>&1 || { modprobe tun && netback; }; }

# consoled_options: what a test wants of ours besides.
consoled_start() { xenconsoled --log=all --log-dir=$guest_log_dir --pid-file=/run/xenconsoled.pid ${consoled_options:-}; }

bridge_start() {
    [ ! -e /sys/class/net/xenbr0 ] || return 0
    local module
    for module in bridge xen-netback xen-blkback loop; do modprobe $module; done
    ip link add name xenbr0 type bridge stp_state 0 forward_delay 0
    ip addr add 10.9.0.1/24 dev xenbr0
    ip link set xenbr0 up
}

free_mib() { tool info | awk '$1 == "free_memory" { print $3 }'; }

# Memory of dead guests comes back when the last mapping of it goes, which may be a moment later.  info counts
# in MiB, rounded down, and the first guest leaves a few pages in dom0's own tables: that may be one less.
check_free_mib() { # NAME mib-before
    if wait_for 30 eval "[ \$(free_mib) -ge $(($2 - 1)) ]"; then
        pass "$1"
    else
        fail "$1" "$(free_mib) MiB free, $2 before"
    fi
}

# ---- guests ----------------------------------------------------------------------------------------

# guest_config NAME FLAVOUR VCPUS MEMORY [KERNEL-OPTIONS [CONFIG-LINES]]: writes /tmp/NAME.cfg.  $guest_files,
# relative to /, are in the guests' file system too.
guest_config() {
    cat >"/tmp/$1.cfg" <<CFG
name = "$1"
type = "pv"
vcpus = $3
memory = $4
kernel = "/guest/vmlinuz-$2"
ramdisk = "/tmp/guest.cpio"
extra = "console=hvc0 quiet ${5:-}"
on_crash = "destroy"
${6:-}
CFG
    [ -e /tmp/guest.cpio ] || {
        cat /guest/guest.cpio
        # shellcheck disable=SC2086  # a list
        cd / && printf '%s\n' payload/guest.sh ${guest_files:-} | cpio -o -H newc 2>/dev/null
    } >/tmp/guest.cpio
}

guest_log() { echo "$guest_log_dir/guest-$1.log"; }
# The log of a restarted guest goes on in the same file: look behind a mark.
guest_seen() { tr -d '\r' <"$(guest_log "$1")" 2>/dev/null | grep -E "$2"; }
guest_wait() { # NAME SECONDS REGEX
    local end=$((SECONDS + $2 * ${time_factor:-1}))
    until guest_seen "$1" "$3" >/dev/null; do
        tool domid "$1" >/dev/null 2>&1 || { echo "guest $1 is gone"; return 1; }
        [ $SECONDS -lt $end ] || { echo "no '$3' from $1 after $2 s"; return 1; }
        usleep 200000
    done
}
guest_said() { guest_seen "$1" "^GUEST $2 " | tail -1 | cut -d' ' -f3-; }
guest_gone() { ! tool domid "$1" >/dev/null 2>&1; }
guest_state() { tool list "$1" 2>/dev/null | awk 'NR == 2 { print $5 }'; }
guest_show() { echo "--- console of $1, its end:"; tail -n "${2:-15}" "$(guest_log "$1")" | tr -d '\r'; echo ---; }

# What dom0 serves to guests: 10.9.0.1 port 7001 sends /tmp/net.data, 7002 answers a checksum.
guest_servers_start() {
    head -c 4M /dev/urandom >/tmp/net.data
    net_sum=$(sha256sum </tmp/net.data | cut -d' ' -f1)
    nc -ll -p 7001 -e cat /tmp/net.data &
    servers=$!
    nc -ll -p 7002 -e sha256sum &
    servers+=" $!"
}
guest_servers_stop() {
    # shellcheck disable=SC2086  # two words
    kill $servers 2>/dev/null
    wait 2>/dev/null
}
