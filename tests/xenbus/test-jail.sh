#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: what is in a back end's jail reaches nothing but the descriptors that it was given (jail_probe.c)
# TIMEOUT: 60
set -u
top=$(readlink -f "$(dirname "$0")/../..")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$top/build/tests/jail_probe" "$scratch" || exit 1
# A root directory was made there for each attempt, and none is left.
[ -z "$(ls -A "$scratch")" ] || { echo "left behind: $(ls -A "$scratch")"; exit 1; }
