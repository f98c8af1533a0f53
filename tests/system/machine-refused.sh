#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: a processor without something that Pavis needs is refused by a sentence that names it
# TIMEOUT: 60
. "$(dirname "$0")/lib.sh"
hv=${HV:-$top/build/pavis-hv}
failed=0 passed=0
refused() { # feature taken away, sentence
    local out status=0
    out=$(timeout --foreground "$(awk -v f="${TIME_FACTOR:-1}" 'BEGIN { print int(5 * f) }')" \
        qemu-system-x86_64 -accel tcg -cpu "qemu64,-$1" -m 256 -display none -vga none -nodefaults -no-reboot \
        -kernel "$hv" -append 'console=com1' -initrd /dev/null -serial stdio </dev/null 2>&1) || status=$?
    if grep -q "$2" <<<"$out"; then
        echo "TEST without-$1 ok"
        passed=$((passed + 1))
    else
        echo "TEST without-$1 FAIL no '$2' (status $status); last words:"
        tail -3 <<<"$out"
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
