#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: Debian's xenperf prints the counters of hypercalls, its xentrace takes a trace that its xenalyze and our pavis-trace read, and the debug keys show the same
# TIMEOUT: 120
. "$(dirname "$0")/lib.sh"
[ "${XEN:-}" != 1 ] || { echo "Debian's Xen is built without counters"; exit 77; }
disk=$work/trace
truncate -s 32M "$disk"
run_dom0 -n 2 -x "hypercall_latency" -D "$disk" <<'END'
tools=/usr/lib/xen-4.17/bin
toolstack_start
counter() { $tools/xenperf | awk -v n="$1" 'index($0, n) == 1 { sub(/.*T=/, ""); print $1 + 0 }'; }
before=$(counter hypercalls)
for i in 1 2 3; do xl list >/dev/null; done
check counted test "$(counter hypercalls)" -gt "$before"
check by-name eval "$tools/xenperf -f | grep -q mmuext_op"
check latencies test "$(counter 'domctl: log2 of ns')" -gt 0
check reset $tools/xenperf -r
check counted-from-0 test "$(counter hypercalls)" -lt "$before"

$tools/xentrace -D -e all -S 256 -T 2 /tmp/trace 2>/tmp/trace.err &
pid=$!
for i in 1 2 3; do
    xl list >/dev/null
    $tools/xenpm get-cpufreq-para 0 >/dev/null 2>&1 || true # refused: frequencies are not managed
    usleep 300000
done
wait $pid
check traced test "$(stat -c %s /tmp/trace)" -gt 50000
# The host reads it.
load_drivers
wait_for 10 test -b /dev/vda
check kept dd if=/tmp/trace of=/dev/vda bs=64K conv=fsync
echo "TRACE-BYTES $(stat -c %s /tmp/trace) "
xl debug-keys cO
usleep 300000
xl debug-keys T
usleep 300000
xl dmesg -c >/tmp/keys
check key-counts grep -q 'sysctl  *[0-9]* calls' /tmp/keys
check key-latencies grep -qE '< [0-9]+ ns: [0-9]+' /tmp/keys
check key-trace grep -qE 'd0v[01] .*= 0 \[[0-9]+ [nu]s\]' /tmp/keys
finish
END
bytes=$(sed -n 's/.*TRACE-BYTES \([0-9]*\) .*/\1/p' "$console")
truncate -s "${bytes:-0}" "$disk"
cp "$disk" "$LOG_DIR/$test_name.trace" # for whoever wants to look at it

# found FILE PATTERN...: each is somewhere in the file.
found() {
    local file=$1 pattern
    shift
    for pattern; do
        grep -qE "$pattern" "$file" || problem "no '$pattern' in $(basename "$file")"
    done
}

deb=$(find "${PAVIS_CACHE:-$HOME/.cache/pavis}/debs" -name 'xen-utils-common_*.deb' | sort | tail -1)
dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$work" ./usr/bin/xenalyze
for how in dump-all summary; do
    "$work/usr/bin/xenalyze" --$how "$disk" >"$work/$how" 2>"$work/$how.err" ||
        problem "xenalyze --$how: $(tail -1 "$work/$how.err")"
done
found "$work/dump-all" 'd0v[01] hypercall .*mmu_update' 'running->blocked' 'ptwr' 'page_fault'
found "$work/summary" 'Domain 0' 'evtchn_op'

# Our own program on the same file.
"$top/build/pavis-trace" --syms "${SYMS:-$top/build/pavis-hv-syms}" "$disk" >"$work/words" || problem "pavis-trace: status $?"
found "$work/words" 'd0v[01] .*sched_op\(cmd=[0-9], arg=(0|0x[0-9a-f]+)\) = 0 \[' 'event to d0v[01] port' \
    'd0v[01] refused \(-[0-9]+\): .* \[hypervisor/.*\.c:[0-9]+\]' 'd0v[01] -> idle'
"$top/build/pavis-trace" --json "$disk" 2>/dev/null |
    python3 -c 'import json, sys; sys.exit("sysctl" not in [json.loads(l).get("call") for l in sys.stdin])' ||
    problem "no sysctl in pavis-trace --json"
conclude
