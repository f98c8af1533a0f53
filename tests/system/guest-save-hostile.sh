#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: a saved guest that was tampered with in any record, or cut short, is refused or runs as a guest: dom0 and memory are whole
# TIMEOUT: 900
# LONG
. "$(dirname "$0")/lib.sh"
. "$top/tests/system/lib-save.sh"
new_disk vda
seed=${SEED:-$RANDOM}
echo "seed=$seed rounds=${ROUNDS:-60}" >>"$work/env.sh"
echo "FIGURE seed $seed"
run_dom0 -D "$work/vda" <<'END'
. /payload/save-checks.sh
load_drivers
check toolstack toolstack_start
bridge_start
free=$(free_mib)
save_guest_start g cloud 2 96
check save xl save g /tmp/saved
/payload/savefile /tmp/saved >/tmp/records
RANDOM=$seed

# A value where it hurts most, in the context of vCPU 0 (offsets: struct vcpu_guest_context); $1 says what.
context=$(($(record /tmp/saved $record_vcpu) + 8))
hostile() { # LABEL OFFSET OCTAL-ESCAPES
    poke /tmp/saved $((context + $2)) "$3"
    restore_refused g "$1" /tmp/saved
    unpoke /tmp/saved $((context + $2))
}
root=$(($(od -An -tu8 -j $((context + 5008)) -N 8 /tmp/saved) >> 12)) # pseudo-physical, in the file
hostile root-of-wrong-type 5010 '\020'
hostile root-beyond-memory 5012 '\377'
hostile gdt-too-large 4960 '\377\377'
hostile gdt-is-page-table 4832 "$(printf '\\%03o' $((root & 255)) $((root >> 8 & 255)) $((root >> 16)))"
hostile ldt-too-large 4824 '\377\377'
hostile ldt-not-canonical 4822 '\063\022'
hostile callback-not-canonical 5118 '\063\022'
hostile trap-not-canonical 734 '\063\022'
hostile base-not-canonical 5150 '\063\022'
hostile unknown-assistance 5143 '\200'

# Anything anywhere: one to four bytes of a record, each kind of record as likely as another.
refused=0 taken=0
for ((i = 0; i < rounds; i++)); do
    kind=$(awk '{ print $1 }' /tmp/records | sort -u | sed -n "$((RANDOM % $(awk '{ print $1 }' /tmp/records | sort -u | wc -l) + 1))p")
    read -r _ offset length < <(awk -v k="$kind" '$1 == k' /tmp/records | sed -n "$((RANDOM % $(grep -c "^$kind " /tmp/records) + 1))p")
    at=$((offset - 8 + (RANDOM * 32768 + RANDOM) % (length + 8)))
    bytes=$(printf '\\%03o' $((RANDOM % 256)) $((RANDOM % 256)))
    poke /tmp/saved $at "$bytes"
    note "round $i: record $kind, byte $((at - offset)) of $length: $bytes"
    if timeout 120 xl restore /tmp/saved >/tmp/restore.out 2>&1; then
        taken=$((taken + 1))
        usleep 300000
        xl destroy g
    else
        refused=$((refused + 1))
    fi
    wait_for 20 guest_gone g || { fail "round-$i" "the domain stays"; xl destroy g; }
    unpoke /tmp/saved $at
done
echo "FIGURE restores refused $refused, taken $taken"
check many test $((refused + taken)) = "$rounds"

check untouched xl restore /tmp/saved
# Copies that ran have used up the old connection.
check untouched-up wait_for 60 guest_answers
save_guest_connect
save_guest_intact untouched
check destroy xl destroy g
for size in 40 1000 100000 30000000; do
    cp /tmp/saved /tmp/short
    truncate -s $size /tmp/short
    restore_refused g "cut-at-$size" /tmp/short
done
rm /tmp/short /tmp/saved
check_free_mib memory-back "$free"
finish
END
conclude
