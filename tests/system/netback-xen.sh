#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: our netback serves stock guests' network cards on Debian's Xen as on Pavis
# TIMEOUT: 300
# LONG: system/netback is the same on Pavis
XEN=1
export XEN
. "$(dirname "$0")/netback.sh"
