# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What the long tests on the full Debian dom0 do.  Sourced in dom0.

image_settled() {
    wait_for 300 eval '[ "$(systemctl is-system-running)" != starting ]'
    check_equal system-state "$(systemctl is-system-running)" running
    check network wait_for 60 eval 'ip -4 addr show scope global | grep -q 10.0.2.'
}

minus() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.3f", a - b }'; }

# The host's clock through scripts/netpeer, in the middle of the question's way there and back: the best
# of five, so that what the network adds is milliseconds.  Both of dom0's clocks are read on either side of it
# without a process in between, which on a busy host may take seconds.  Prints "host wall uptime".
clock_sample() {
    local best=999 wall0 wall1 up0 up1 host took line=''
    for _ in 1 2 3 4 5; do
        read -r up0 _ </proc/uptime
        wall0=$EPOCHREALTIME
        host=$(peer TIME)
        wall1=$EPOCHREALTIME
        read -r up1 _ </proc/uptime
        took=$(minus "$wall1" "$wall0")
        if awk -v t="$took" -v b="$best" 'BEGIN { exit !(t < b) }'; then
            best=$took
            line="$host $(awk -v w="$wall0" -v x="$wall1" -v u="$up0" -v v="$up1" \
                'BEGIN { printf "%.3f %.3f", (w + x) / 2, (u + v) / 2 }')"
        fi
    done
    echo "$line"
}

# hour_of_clocks MINUTES: wall clock and uptime against the host, one sleep against both, every minute.
hour_of_clocks() {
    local first last minute late worst=0 start
    first=$(clock_sample)
    for minute in $(seq "$1"); do
        start=$(uptime_s)
        sleep 60
        late=$(awk -v a="$start" -v b="$(uptime_s)" 'BEGIN { printf "%.2f", b - a - 60 }')
        worst=$(awk -v a="$worst" -v b="$late" 'BEGIN { print (b > a ? b : a) }')
        awk -v l="$late" 'BEGIN { exit !(l < -0.02) }' && fail "early-$minute" "60 s of sleep took $late s less"
    done
    last=$(clock_sample)
    check_equal clock-samples "$(echo "$first $last" | wc -w)" 6 # without the host's answers nothing is known
    # Columns of both samples: host, wall, uptime; the drift is parts per million of the host's time.
    read -r host_s wall_ms uptime_ms wall_ppm uptime_ppm < <(echo "$first $last" | awk '{
        host = $4 - $1; wall = ($5 - $2) - host; up = ($6 - $3) - host
        printf "%.0f %.0f %.0f %.1f %.1f\n", host, wall * 1e3, up * 1e3, wall / host * 1e6, up / host * 1e6 }')
    echo "FIGURE $host_s s of the host's clock: wall clock drifts $wall_ppm ppm ($wall_ms ms), uptime $uptime_ppm ppm" \
        "($uptime_ms ms); the latest of $1 sleeps of 60 s was $worst s late"
    # A PC's quartz is good to 50 ppm; the two ends are known to some 100 ms in an emulator.
    check wall-clock-drift [ "${wall_ms#-}" -lt $((300 + host_s / 5)) ]
    check uptime-drift [ "${uptime_ms#-}" -lt $((300 + host_s / 5)) ]
}

# balloon_steps N: dom0's target goes down and up in steps of 4 to 256 MiB; results in /root/balloon.results.
balloon_steps() {
    local full current free wanted step reached=0
    current=/sys/devices/system/xen_memory/xen_memory0
    full=$(cat $current/info/current_kb)
    free=$(free_mib)
    for step in $(seq "$1"); do
        wanted=$((full - (step * 37 % 64 + 1) * 4096))
        [ $((step % 10)) != 0 ] || wanted=$full
        echo $wanted >$current/target_kb
        wait_for 30 eval "[ \$(cat $current/info/current_kb) = $wanted ]" && reached=$((reached + 1))
    done
    echo "$full" >$current/target_kb
    wait_for 60 eval "[ \$(cat $current/info/current_kb) = $full ]"
    {
        check_equal balloon-steps-reached "$reached" "$1"
        check_equal balloon-full-again "$(cat $current/info/current_kb)" "$full"
        check_equal balloon-free-again "$(free_mib)" "$free"
    } >/root/balloon.results
}
