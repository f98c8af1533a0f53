#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: what is in the jail of a disk's or a network's worker reaches nothing but the descriptors that it was given (jail_probe.c)
# TIMEOUT: 60
set -u
top=$(readlink -f "$(dirname "$0")/../..")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for kind in "" net; do
    "$top/build/tests/jail_probe" "$scratch" $kind || exit 1
done
# A root directory was made there for each attempt, and none is left.
[ -z "$(ls -A "$scratch")" ] || { echo "left behind: $(ls -A "$scratch")"; exit 1; }
