# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What tests/bench/run has dom0 do for a guest's boot: Debian's xl and daemons create a stock guest of the
# cloud kernel, paused; then it runs until its init has loaded its drivers.  A window of counts each.
. /payload/dom0.sh
toolstack_start
{
    cat /guest/guest.cpio
    cd / && printf '%s\n' payload/guest.sh payload/mark | cpio -o -H newc 2>/dev/null
} >/tmp/guest.cpio
guest_config bench cloud 1 128
/payload/mark start
xl create -p -q /tmp/bench.cfg
/payload/mark end
/payload/mark start
xl unpause bench
timeout 60 tail -n +1 -f "$(guest_log bench)" | grep -q '^GUEST idle' && echo 'GUESTBOOT done'
