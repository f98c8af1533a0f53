#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: a processor without something that Pavis needs is refused by a sentence that names it
# TIMEOUT: 60
. "$(dirname "$0")/lib.sh"
hv=${HV:-$top/build/pavis-hv}
failed=0 passed=0
refused() { # feature taken away, sentence
    local out=$work/out end=$((SECONDS + $(awk -v f="${TIME_FACTOR:-1}" 'BEGIN { print int(5 * f + 1) }')))
    rm -f "$out"
    qemu-system-x86_64 -accel tcg -cpu "qemu64,-$1" -m 256 -display none -vga none -nodefaults -no-reboot \
        -kernel "$hv" -append 'console=com1' -initrd /dev/null -serial "file:$out" </dev/null 2>"$work/warnings" &
    child=$!
    until grep -qs "$2" "$out" || [ $SECONDS -ge $end ]; do sleep 0.1; done
    kill $child 2>/dev/null || true
    wait $child || true
    child=
    if grep -q "$2" "$out"; then
        echo "TEST without-$1 ok"
        passed=$((passed + 1))
    else
        echo "TEST without-$1 FAIL no '$2'; last words:"
        tail -n 3 "$out"
        failed=$((failed + 1))
    fi
}
refused lm 'Pavis needs a 64-bit processor with NX'
refused nx 'Pavis needs a 64-bit processor with NX'
for feature in syscall apic pat fxsr sse2 tsc cx8; do
    refused $feature "Pavis needs a processor with ${feature^^}, and this one does not have it"
done
echo "DONE $passed passed $failed failed"
[ $failed = 0 ]
