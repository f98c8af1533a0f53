#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: stock dom0 with 1 vCPU boots, sees the right hypervisor, and has its devices
# TIMEOUT: 90
. "$(dirname "$0")/lib.sh"
as_shipped
run_dom0 -n 1 <<'END'
cpus=1
. /payload/check-boot.sh
finish
END
conclude
