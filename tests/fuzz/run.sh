#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Run one fuzzer: first the inputs of its corpus, then new ones made of them, and say how many it was.
#
# usage: run.sh NAME [EXECUTIONS [option of libFuzzer...]]
#   NAME        tests/fuzz/fuzz_NAME.c, built as build/fuzz/NAME (make fuzzers)
#   EXECUTIONS  how many; without it the number behind SHORT: in its source, with the same seed each time
# Inputs that reach something new are kept in build/fuzz/corpus/NAME, and used the next time.  One that fails is
# kept as build/fuzz/NAME-..., and the last lines say how to repeat it.
# status: 0 nothing found, 1 something, 2 usage
set -u
name=${1:-}
top=$(readlink -f "$(dirname "$0")/../..")
cd "$top" || exit 2
if [ ! -x "build/fuzz/$name" ] || [ -z "$name" ]; then
    sed -n '3,11s/^# \?//p' "$0"
    exit 2
fi
source=tests/fuzz/fuzz_$name.c
shift
if [ $# = 0 ]; then # a scratch folder: the result depends on nothing that is not in the tree
    new=$(mktemp -d)
    trap 'rm -rf "$new"' EXIT
    set -- "$(sed -n 's,^// SHORT: ,,p' "$source")" -seed=1
else
    new=build/fuzz/corpus/$name
    mkdir -p "$new"
fi
runs=$1
shift
read -r -a options < <(sed -n 's,^// OPTIONS: ,,p' "$source")
log=$(mktemp)
"build/fuzz/$name" -artifact_prefix="build/fuzz/$name-" -print_final_stats=1 -timeout=60 "${options[@]}" -runs="$runs" "$@" \
    "$new" "tests/fuzz/corpus/$name" >"$log" 2>&1
status=$?
edges=$(grep -o 'cov: [0-9]*' "$log" | tail -1)
all=$(sed -n 's/^INFO: Loaded 1 modules *(\([0-9]*\) inline.*/\1/p' "$log" | tail -1)
echo "fuzz $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") executions, ${edges#cov: } of $all edges"
if [ $status != 0 ]; then
    grep -v '^#[0-9]' "$log" | tail -60
    bad=$(grep -o "build/fuzz/$name-[a-z]*-[0-9a-f]*" "$log" | tail -1)
    echo "Repeat it with:  make build/fuzz/$name && build/fuzz/$name $bad"
    status=1
fi
rm -f "$log"
exit $status
