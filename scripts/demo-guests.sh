# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The guests of `make run`: Debian from one disk image (/dev/vdc, scripts/guest-image), which all of them read and
# none can write; what they write ends with them.  Two run a list of checks
# by `pavis run`: one of them has a disk of its own, and they talk to dom0 and to each other.  The
# third boots as any Debian and stays.

# What the first does; the second gets what it serves.  One line for each result: GUEST name value.
guest_script_a() {
    cat <<END
half=$half_mib
END
    cat <<'END'
said() { echo "GUEST $*"; }
sum() { sha256sum | cut -d' ' -f1; }
now() { cut -d' ' -f1 /proc/uptime; }
rate() { awk -v mib="$1" -v from="$2" -v to="$3" 'BEGIN { if (to > from) printf "%.1f", mib / (to - from) }'; }
said system "$(. /etc/os-release && echo "$PRETTY_NAME") $(cat /etc/debian_version)"
said kernel "$(uname -r)"
said ready "$(now)"
t=$(now)
said disk-read "$(dd if=/dev/xvdb bs=1M count=$half iflag=direct status=none | sum)"
said disk-read-rate "$(rate $half $t $(now))"
head -c ${half}M /dev/urandom >/tmp/fill
t=$(now)
dd if=/tmp/fill of=/dev/xvdb bs=1M seek=$half oflag=direct conv=notrunc,fsync status=none
said disk-write-rate "$(rate $half $t $(now))"
said disk-written "$(sum </tmp/fill)"
said ping "$(busybox ping -c 5 -i 0.2 10.9.0.1 | grep -c 'seq=')"
t=$(now)
said tcp-received "$(busybox nc 10.9.0.1 7001 | tee /tmp/data | sum)"
said tcp-receive-rate "$(rate 4 $t $(now))"
t=$(now)
said tcp-sent "$(busybox nc 10.9.0.1 7002 </tmp/data | cut -d' ' -f1)"
said tcp-send-rate "$(rate 4 $t $(now))"
said serves "$(sum </tmp/data)"
busybox nc -l -p 7003 -e cat /tmp/data
busybox nc -l -p 7004 </dev/null >/dev/null # until the other has it all: what is on its way ends with us
END
}
guest_script_b() {
    cat <<'END'
now() { cut -d' ' -f1 /proc/uptime; }
n=0
until [ -s /tmp/got ] || [ $n = 600 ]; do
    t=$(now)
    busybox nc 10.9.0.2 7003 </dev/null >/tmp/got 2>/dev/null || sleep 0.2
    n=$((n + 1))
done
end=$(now)
n=0
until busybox nc 10.9.0.2 7004 </dev/null >/dev/null 2>&1 || [ $n = 50 ]; do sleep 0.2; n=$((n + 1)); done
echo "GUEST got $(sha256sum </tmp/got | cut -d' ' -f1)"
awk -v from="$t" -v to="$end" 'BEGIN { printf "GUEST got-rate %.1f\n", (to > from) ? 4 / (to - from) : 0 }'
exit 7
END
}

told() { sed -n "s/^GUEST $2 //p" "/tmp/$1.out" | tail -1; }
debian_run() { # NAME LAST-BYTE ARGUMENT...
    local name=$1 byte=$2
    shift 2
    timeout $((100 * ${time_factor:-1})) pavis run --name "$name" --memory "$guest_mib" --kernel /boot/vmlinuz-*-cloud-amd64 \
        --disk /dev/vdc,overlay --net xenbr0 --ip "10.9.0.$byte/24,10.9.0.1" "$@"
}

guests_start() {
    echo "two Debian guests, from one disk image: checks of disk and network"
    start=$(uptime_s)
    : >/tmp/alpha.out
    debian_run alpha 2 --disk /dev/vdb,data -- bash -c "$(guest_script_a)" </dev/null >>/tmp/alpha.out 2>&1 &
    local alpha=$! beta
    debian_run beta 3 -- bash -c "$(guest_script_b)" </dev/null >/tmp/beta.out 2>&1 &
    beta=$!
    # While they work: what of them dom0 sees.
    tail -f /tmp/alpha.out 2>/dev/null | sed -u 's/^/    alpha: /' &
    local follower=$!
    wait_for 60 grep -q 'GUEST serves' /tmp/alpha.out
    devices=$(xenstore-ls -f /local/domain/0/backend | sed -n 's,^/local/domain/0/backend/\([a-z]*\)/[0-9]*/[0-9]*/state .*,\1,p' | sort | uniq -c |
        awk '{ printf "%s%d %s", (NR > 1) ? ", " : "", $1, $2 }')
    check_equal served-by-us "$(echo "$devices" | grep -oE '[a-z]+' | sort | tr '\n' ' ')" 'console pvblk pvnet '
    wait $alpha
    check_equal alpha-code $? 0
    wait $beta
    check_equal beta-code $? 7
    kill $follower
    guests_took=$(seconds_since "$start")
    check_equal alpha-disk-read "$(told alpha disk-read)" "$vdb_sum"
    disk_back=$(region_sum /dev/vdb "$half_mib" "$half_mib")
    check_equal alpha-disk-written "$disk_back" "$(told alpha disk-written)"
    check_equal alpha-ping "$(told alpha ping)" 5
    check_equal alpha-tcp-received "$(told alpha tcp-received)" "$net_sum"
    check_equal alpha-tcp-sent "$(told alpha tcp-sent)" "$net_sum"
    check_equal guest-to-guest "$(told beta got)" "$net_sum"
    [ "$failed" = 0 ] || tail -n 20 /tmp/alpha.out /tmp/beta.out "$(guest_log alpha)" "$(guest_log beta)"

    echo "a Debian that boots with its own init:"
    start=$(uptime_s)
    check boot debian_run demo 4 --boot --detach
    check guest-up wait_for 90 grep -aq 'debian login:' "$(guest_log demo)"
    guest_up=$(seconds_since "$start")
    tr -d '\r' <"$(guest_log demo)" | grep -av '^$' | tail -n 12 | sed 's/^/    /'
    check demo-ping ping -c 1 -W 2 10.9.0.4
}

guests_report() {
    report "guests       $(told alpha system), Linux $(told alpha kernel), $guest_mib MiB each; checks done after $guests_took s,"
    report "             the command began $(told alpha ready) s after the start of its kernel; devices: $devices"
    report "  disk       $(verdict "$(told alpha disk-read) $(told alpha disk-written)" "$vdb_sum $disk_back" \
        "$half_mib MiB read at $(told alpha disk-read-rate) MiB/s, $half_mib MiB written at $(told alpha disk-write-rate) MiB/s, equal on both sides")"
    report "  network    dom0: $(told alpha ping) of 5 pings, $(verdict "$(told alpha tcp-received) $(told alpha tcp-sent)" "$net_sum $net_sum" \
        "4 MiB over TCP in at $(told alpha tcp-receive-rate) MiB/s, out at $(told alpha tcp-send-rate) MiB/s, checksums equal")"
    report "             guest to guest: $(verdict "$(told beta got)" "$net_sum" "4 MiB over TCP at $(told beta got-rate) MiB/s, checksum equal")"
    report "  demo       Debian's init, with a short inittab, to a login in $guest_up s"
}
