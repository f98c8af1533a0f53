#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: on pc, a disk and a network card come and go 20 times by ACPI, work each time, and leave no interrupt behind
# TIMEOUT: 420
# LONG
. "$(dirname "$0")/lib.sh"
. "$top/tests/system/lib-devices.sh"
hotplug_backends
run_dom0 -M pc -q "${devices[*]}" <<'END'
. /payload/devices.sh
check network net_start
modprobe nvme
hotplug_rounds 20 virtio-blk-pci,disable-legacy=on,serial=hot e1000e
finish
END
conclude
