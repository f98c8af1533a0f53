#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: each hv command of gdb prints what it must about a stopped hypervisor with a tiny kernel on it
# TIMEOUT: 100
# CPUS: 1
set -euo pipefail
[ "${XEN:-}" != 1 ] || { echo "about this hypervisor's own structures"; exit 77; }
cd "$(dirname "$0")/../.."
LOG_DIR=${LOG_DIR:-build/test-logs}
mkdir -p "$LOG_DIR"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Some dozens of event_channel_ops into its tests ports are bound, and calls have been traced.
cat >"$work/script" <<'END'
set width 0
continue
hbreak do_event_channel_op
ignore $bpnum 40
continue
echo == cpus\n
hv cpus
echo == domains\n
hv domains
echo == vcpus\n
hv vcpus 0
echo == frame\n
hv frame 0x1000
echo == walk\n
hv walk $rip
echo == ports\n
hv ports 0
echo == grants\n
hv grants 0
echo == trace\n
hv trace 8
echo == locks\n
hv locks
kill
END
log=$LOG_DIR/debug-gdb.gdb.log
timeout $((80 * ${TIME_FACTOR:-1})) env HVARGS="tbuf_size=4" GDBARGS="-batch -x $work/script" \
    scripts/debug build/guests/events.elf >"$log" 2>&1 </dev/null || true
failures=0
passed=0
section() { sed -n "/^== $1\$/,/^== /p" "$log"; }
expect() { # section pattern
    if section "$1" | grep -qE "$2"; then
        echo "TEST hv-$1 ok"
        passed=$((passed + 1))
    else
        echo "TEST hv-$1 FAIL no '$2' in: $(section "$1" | head -5 | tr '\n' '|')"
        failures=$((failures + 1))
    fi
}
expect cpus '^cpu 0: d0v0, softirqs pending 0x[0-9a-f]+, guest rip 0xf'
expect domains '^d0 at 0x[0-9a-f]+: [0-9]+ of 16384 frames, .* control'
expect vcpus '^d0v0 at .*cpu 0 running on it, .* kernel rip 0xf'
expect frame '^frame 0x1000: (hypervisor|in use|free|reserved)'
expect walk 'the hypervisor.s slot'
expect ports '^d0 port [0-9]+: v0 (virq [0-9]+|unbound for d[0-9]+|interdomain with d0:[0-9]+)'
expect grants '^d0: [0-9]+ of 64 grant frames'
expect trace 'event_channel_op\(0x'
expect locks '^cpu 0 waits for no lock'
[ $failures = 0 ] || tail -40 "$log"
echo "DONE $passed passed $failures failed"
[ $failures = 0 ]
