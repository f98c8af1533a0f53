#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: stock dom0 with 2 vCPUs boots, sees the right hypervisor, and has its devices
# LONG: grub-bios makes the same checks, on the same machine started by GRUB
# TIMEOUT: 120
. "$(dirname "$0")/lib.sh"
as_shipped
run_dom0 -n 2 <<'END'
cpus=2
. /payload/check-boot.sh
finish
END
conclude
