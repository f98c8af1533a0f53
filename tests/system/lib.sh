# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The host's side of a system test: boots the hypervisor with a payload in dom0 and judges the log.
# A test is a script tests/system/<name>.sh whose comment block begins with
#     # CLAIM: one sentence, what a pass shows
#     # TIMEOUT: seconds for the whole script on an idle machine
#     # LONG                      (optional) runs with `make test-long` only
#     # CPUS: n                   (optional) the machine's virtual CPUs, where no run_dom0 -n says them
# and which sources this file, calls run_dom0 with dom0's program on standard input, and may look at
# disks and at the log afterwards.  Environment: HV, XEN=1 (scripts/boot); LOG_DIR; TIME_FACTOR.

set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
test_name=$(basename "$0" .sh)
LOG_DIR=${LOG_DIR:-$top/build/test-logs}
mkdir -p "$LOG_DIR"
work=$(mktemp -d)
# QEMU gives up a little before the runner does, so that there is a verdict with the console's end in it.
limit=$(sed -n 's/^# TIMEOUT: //p' "$0")
limit=$(awk -v t="$limit" -v f="${TIME_FACTOR:-1}" 'BEGIN { printf "%d", t * f * 0.9 }')
child=
cleanup() {
    [ -z "$child" ] || kill "$child" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP
failures=0
more_payload=() # files that a test gives to dom0
# Most tests are not about unpacking dom0's kernel, which takes five seconds under emulation; those that begin
# with as_shipped boot the file that Debian ships, as `make run` does.
kernel_form=(-u)
as_shipped() { kernel_form=(); }

problem() { echo "PROBLEM $*"; failures=$((failures + 1)); }

. "$top/tests/system/lib-disk.sh"
. "$top/tests/system/lib-tools.sh"

# run_dom0 [scripts/boot options] <program: boots, shows the results, counts failures.
run_dom0() {
    console=$LOG_DIR/$test_name.console.log
    [ $# -eq 0 ] || echo "boot $*"
    {
        echo '. /payload/dom0.sh'
        cat
    } >"$work/main.sh"
    {
        echo "half_mib=$half_mib"
        echo "time_factor=$(awk -v f="${TIME_FACTOR:-1}" 'BEGIN { printf "%d", f < 1 ? 1 : f + 0.5 }')"
    } >>"$work/env.sh"
    new_tools
    local status=0
    # A kernel that oopses ends the run at once instead of hanging until the time is over.
    "$top/scripts/boot" -p -t "$limit" -k 'oops=panic panic=1' -l "$console" "${kernel_form[@]}" "$@" "$work/main.sh" "$work/env.sh" \
        "$top"/tests/system/payload/*.sh "${tools_files[@]}" "${more_payload[@]}" &
    child=$!
    wait $child || status=$?
    child=
    judge "$status"
}

# Lines may share a line with a message of the hypervisor; so look for them anywhere in it.
judge() { # status
    grep -oE '(TEST [a-z].* (ok$|FAIL.*|skip.*)|DONE [0-9]+ passed [0-9]+ failed|FIGURE .*)' "$console" || true
    local done_line
    done_line=$(grep -oE 'DONE [0-9]+ passed [0-9]+ failed' "$console" | tail -1) || true
    [ "$1" = 0 ] || problem "QEMU ended with status $1$([ "$1" != 124 ] || echo ' (time is over)')"
    [ -n "$done_line" ] || problem "dom0's program did not reach its end"
    case $done_line in
    '' | *' 0 failed') ;;
    *) problem "$done_line" ;;
    esac
    ! grep -E '\(XEN\).*audit: ' "$console" | grep -v 'audit: clean' || problem "the audit found something"
    ! grep -E '\(XEN\).*(Panic on CPU|BUG at|Assertion .* failed|double fault)' "$console" ||
        problem "the hypervisor stopped"
    ! grep -E 'Kernel panic|BUG: |Oops: |soft lockup|rcu.*stall' "$console" || problem "dom0's kernel complains"
}

conclude() {
    if [ $failures != 0 ]; then
        echo "--- console, its end ($console):"
        tail -n 40 "$console"
        exit 1
    fi
}
