# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What the tests of xl's verbs have in common: tiny guests (tests/guests/domu.c), processor time, and
# typing on a guest's console.

# tiny NAME WORDS [CONFIG-LINES]: writes /tmp/NAME.cfg; WORDS say what the guest does.
tiny() {
    printf '%s\n' "name = \"$1\"" 'type = "pv"' 'memory = 4' 'kernel = "/payload/domu.elf"' "extra = \"$2\"" \
        "${3:-}" >"/tmp/$1.cfg"
}
tiny_start() { tiny "$@" && xl create -q "/tmp/$1.cfg"; }
# The last thing that it said it has; a guest that was started again says it again.
tiny_limits() { tr -d '\r' <"$(guest_log "$1")" | sed -n 's/^LIMITS ok //p' | tail -1; }

refused() { # STATUS-TEXT COMMAND...: the command fails and says so
    local text=$1 output
    shift
    ! output=$("$@" 2>&1) || { echo "'$*' succeeded"; return 1; }
    echo "$output"
    grep -qE "$text" <<<"$output"
}

type_to() { printf '%s\n' "$2" >"$(xenstore-read "/local/domain/$(xl domid "$1")/console/tty")"; }
typed_says() { # NAME COMMAND REGEX: what the guest's shell answers, soon
    local mark="mark$RANDOM" end=$((SECONDS + 20 * ${time_factor:-1}))
    while [ $SECONDS -lt $end ]; do
        type_to "$1" "echo \"$mark \$($2)\""
        usleep 500000
        ! guest_seen "$1" "^$mark " | tail -1 | grep -E "$3" || return 0
    done
    guest_seen "$1" "^$mark " | tail -1
    return 1
}

# Guests that start again by themselves: asked until nothing of them appears any more.
destroyed_for_good() { xl destroy "$1"; sleep 1; guest_gone "$1"; }
lives() { grep -c '^LIMITS ok' "$(guest_log "$1")"; }

# When, and how much processor time the guest has had by then: milliseconds.
sample() { echo "$(awk '{ printf "%d", $1 * 1000 }' /proc/uptime) $(xl list "$1" | awk 'NR == 2 { printf "%d", $6 * 1000 }')"; }

# shares SECONDS NAME...: the processor time of each in that while, in per mille of one processor.
shares() {
    local guest begin=() end=() i=0
    for guest in "${@:2}"; do begin+=("$(sample "$guest")"); done
    sleep "$1"
    for guest in "${@:2}"; do end+=("$(sample "$guest")"); done
    for guest in "${@:2}"; do
        echo "${begin[i]} ${end[i]}" | awk '{ printf "%d ", ($4 - $2) * 1000 / ($3 - $1) }'
        i=$((i + 1))
    done
}
between() { [ "$1" -ge "$2" ] && [ "$1" -le "$3" ] || { echo "$1 is not between $2 and $3"; return 1; }; }
