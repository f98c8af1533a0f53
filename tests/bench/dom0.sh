# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What tests/bench/run has dom0 (or the native kernel) do: time each operation, and say how much memory
# the hypervisor has left.
cp /payload/guestbench /tmp/guestbench
chmod 755 /tmp/guestbench
# shellcheck disable=SC2046 # words on purpose
/tmp/guestbench $(cat /payload/arguments)
