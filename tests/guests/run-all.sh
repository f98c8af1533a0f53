#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Run every tiny PV kernel on one hypervisor: `run-all.sh xen` proves the tests, `run-all.sh build/pavis-hv` us.
#
# usage: run-all.sh HV [family...]      HV as for run.sh; consoles in build/guests/log/
# status: 0 if every family passed
here=$(dirname "$(readlink -f "$0")")
build=${B:-$here/../../build}
hv=${1:?usage: run-all.sh HV [family...]}
shift
mkdir -p "$build/guests/log"
failed=0
while read -r family; do
    if [ $# -gt 0 ] && [[ " $* " != *" $family "* ]]; then continue; fi
    out=$(LOG=$build/guests/log/$family.log "$here/run.sh" "$hv" "$build/guests/$family.elf") || failed=1
    printf '%-12s %s\n' "$family" "$(grep -a '^DONE' <<<"$out" || echo "NO DONE")"
    grep -a -E '^TEST|^no DONE|^with|Panic' <<<"$out"
done < <(awk '!/^#/ && NF { print $1 }' "$here/families" | uniq)
exit $failed
