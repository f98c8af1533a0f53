#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Run every family of tiny PV kernels (tests/guests/families) on one hypervisor, one line each.
#
# usage: run-all.sh HV [family...]      HV as for run.sh; logs in build/guests/log/
# status: 0 if every family passed
here=$(dirname "$(readlink -f "$0")")
build=${B:-$here/../../build}
hv=${1:?usage: run-all.sh HV [family...]}
shift
mkdir -p "$build/guests/log"
failed=0
while read -r family settings; do
    case $family in '' | '#'*) continue ;; esac
    if [ $# -gt 0 ] && [[ " $* " != *" $family "* ]]; then continue; fi
    log=$build/guests/log/$family${settings:+-${settings//[^A-Za-z0-9=]/_}}.log
    out=$(env $settings LOG="$log" "$here/run.sh" "$hv" "$build/guests/$family.elf")
    status=$?
    [ $status = 0 ] || failed=1
    printf '%-12s %-32s %s\n' "$family" "$settings" "$(grep -a '^DONE' <<<"$out" || echo "NO DONE (status $status)")"
    grep -a '^TEST' <<<"$out"
done <"$here/families"
exit $failed
