# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What tests/bench/run has dom0 (or the native kernel) do: each operation, between marks.
for module in xen-evtchn xen-gntdev xen-gntalloc xen-privcmd; do modprobe -q $module; done
cp /payload/guestbench /tmp/guestbench
chmod 755 /tmp/guestbench
# shellcheck disable=SC2046 # words on purpose
/tmp/guestbench $(cat /payload/arguments)
