# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Fairness among guests on one disk, end to end.  Sourced after pavis-checks.sh with TOOLS=ours.

fair_disk() {
    insmod /payload/configfs.ko
    check null-disk insmod /payload/null_blk.ko nr_devices=1 gb=16 bs=4096 queue_mode=2 irqmode=2 submit_queues=1 \
        hw_queue_depth=4 completion_nsec=4000000
    echo mq-deadline >/sys/block/nullb0/queue/scheduler
    echo 256 >/sys/block/nullb0/queue/nr_requests
    check partition-1 /payload/fairio /dev/nullb0 part 1 7000
    check partition-2 /payload/fairio /dev/nullb0 part 2 7000
    check partitions wait_for 10 test -b /dev/nullb0p2
}

fair_run() { # NAME PARTITION ARGUMENT...: a guest that says on its console what it gets
    local name=$1 part=$2
    shift 2
    check "$name-run" pavis run --detach --kernel /guest/vmlinuz-cloud --memory 128 --name "$name" --disk "/dev/nullb0p$part,data" \
        --ramdisk /payload/fairio.cpio -- /fairio /dev/xvda "$@"
}
fair_up() { check "$1-up" guest_wait "$1" 300 '^FAIR up'; }
fair_end() { check_equal "$1-end" "$(pavis wait "$1")" 0; }
in_second() { guest_seen "$1" "^FAIR second $2 " | cut -d' ' -f4; }
p99() { guest_seen "$1" '^FAIR latency' | cut -d' ' -f4; }

# within NAME VALUE LEAST MOST
within() {
    if awk -v v="$2" -v a="$3" -v b="$4" 'BEGIN { exit !(v != "" && v >= a && v <= b) }'; then
        pass "$1"
    else
        fail "$1" "$2 is not from $3 to $4"
    fi
}

# The seconds in which both want all that there is, but for the first.
fair_shares() {
    local from to second a=0 b=0
    fair_run a 1 read 32 9
    fair_run b 2 read 32 9
    fair_up a
    fair_up b
    check weight-a pavis block-set --weight 512 a xvda
    check weight-b pavis block-set --weight 256 b xvda
    from=$(($(date +%s) + 1)) to=$((from + 4))
    fair_end a
    fair_end b
    for ((second = from; second < to; second++)); do
        a=$((a + $(in_second a $second))) b=$((b + $(in_second b $second)))
    done
    echo "FIGURE weights 2:1: $a and $b requests in 4 s, $(awk -v a=$a -v b=$b 'BEGIN { printf "%.2f", a / b }') to 1"
    within share-of-disk "$((a + b))" 3000 4100
    within shares "$(awk -v a=$a -v b=$b 'BEGIN { printf "%.3f", a / b }')" 1.8 2.2
}

fair_storm() {
    local alone beside syncs
    fair_run alone 1 read 1 8
    fair_end alone
    alone=$(p99 alone)
    fair_run storm 2 sync 16 25
    fair_up storm
    fair_run beside 1 read 1 8
    fair_end beside
    beside=$(p99 beside)
    check storm-lasted pavis domid storm
    fair_end storm
    syncs=$(guest_seen storm '^FAIR second' | awk '{ n += $4 } END { printf "%d", n / NR }')
    echo "FIGURE 99th percentile of a read: $alone us alone, $beside us beside an fsync storm of $syncs/s"
    within storm-latency "$(awk -v a="$alone" -v b="$beside" 'BEGIN { printf "%.2f", b / a }')" 0.5 3
}
