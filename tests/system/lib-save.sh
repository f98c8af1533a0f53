# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What tests of save and restore give to dom0 (payload/save-checks.sh).  Sourced after lib.sh.
for program in keeper savefile; do
    gcc -O2 -Wall -Wextra -Werror -static -pthread -o "$work/$program" "$top/tests/system/programs/$program.c"
    more_payload+=("$work/$program")
done
