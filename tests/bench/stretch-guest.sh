#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What run-stretch has a Debian dom0 do: boot, create a guest, let it come up, destroy it; and one more
# that is destroyed while it boots.
# TIMEOUT: 150
. "$(dirname "$0")/../system/lib.sh"
run_dom0 <<'END'
check toolstack toolstack_start
guest_config a cloud 1 128
check create xl create -q /tmp/a.cfg
check up guest_wait a 100 '^GUEST init'
check destroy xl destroy a
guest_config b cloud 2 128
check create-second xl create -q /tmp/b.cfg
check destroy-second xl destroy b
finish
END
conclude
