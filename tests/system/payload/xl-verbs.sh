# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What the tests of xl's verbs have in common: tiny guests (tests/guests/domu.c), processor time, and
# typing on a guest's console.

. /payload/guest-checks.sh

verbs_start() { # free: memory before the first guest
    load_drivers
    check toolstack toolstack_start
    bridge_start
    free=$(free_mib)
}

# tiny NAME WORDS [CONFIG-LINES]: writes /tmp/NAME.cfg; WORDS say what the guest does.  xl heeds cpus= only
# with vcpus=.
tiny() {
    printf '%s\n' "name = \"$1\"" 'type = "pv"' 'memory = 4' 'vcpus = 1' 'kernel = "/payload/domu.elf"' "extra = \"$2\"" \
        "${3:-}" >"/tmp/$1.cfg"
}
tiny_start() { tiny "$@" && xl create -q "/tmp/$1.cfg"; }
# The last thing that it said it has; a guest that was started again says it again.
tiny_limits() { tr -d '\r' <"$(guest_log "$1")" | sed -n 's/^LIMITS ok //p' | tail -1; }

xl_row() { xl list "$1" | awk 'NR == 2'; }

refused() { # STATUS-TEXT COMMAND...: the command fails and says so
    local text=$1 output
    shift
    ! output=$("$@" 2>&1) || { echo "'$*' succeeded"; return 1; }
    echo "$output"
    grep -qE "$text" <<<"$output"
}

# The terminal stays open for a moment: what was typed by who is gone again may be dropped.
type_to() { { printf '%s\n' "$2"; sleep 1; } >"$(xenstore-read "/local/domain/$(xl domid "$1")/console/tty")"; }
typed_says() { # NAME COMMAND REGEX: what the guest's shell answers, at the latest after some seconds
    local mark end=$((SECONDS + 30 * ${time_factor:-1}))
    while [ $SECONDS -lt $end ]; do
        mark="mark$RANDOM"
        type_to "$1" "echo \"$mark \$($2)\""
        wait_for 10 guest_seen "$1" "^$mark " || continue
        ! guest_seen "$1" "^$mark " | grep -E "$3" || return 0
        usleep 500000
    done
    guest_seen "$1" "^$mark " | tail -1
    return 1
}

lives() { grep -c '^LIMITS ok' "$(guest_log "$1")"; } # of a tiny guest that starts again by itself
tiny_end() { wait_for 10 eval "[ \$(lives $1) = 1 ]" && type_to "$1" x; } # as its words say

# share SECONDS ONE OTHER: what the first gets of the time that both get, in per mille.  Both are read in
# one call, so that the time the call itself takes does not matter.
share() {
    local i
    for i in 1 2; do
        xl list | awk -v one="$2" -v other="$3" '$1 == one { a = $6 } $1 == other { b = $6 } END { print a, b }'
        [ $i = 2 ] || sleep "$1"
    done | paste -sd ' ' | awk '{ printf "%d", ($3 - $1) * 1000 / ($3 - $1 + $4 - $2) }'
}
between() { [ "$1" -ge "$2" ] && [ "$1" -le "$3" ] || { echo "$1 is not between $2 and $3"; return 1; }; }
