#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: stock dom0 with 4 vCPUs boots, sees the right hypervisor, and has its devices
# TIMEOUT: 180
. "$(dirname "$0")/lib.sh"
as_shipped
run_dom0 -n 4 <<'END'
cpus=4
. /payload/check-boot.sh
finish
END
conclude
