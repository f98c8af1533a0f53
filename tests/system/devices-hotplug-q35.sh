#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: on q35, a disk and a network card come and go 20 times by PCIe root ports, work each time, and leave no interrupt behind
# TIMEOUT: 420
# LONG
. "$(dirname "$0")/lib.sh"
. "$top/tests/system/lib-devices.sh"
root_ports
hotplug_backends
run_dom0 -M q35 -q "${devices[*]}" <<'END'
. /payload/devices.sh
check network net_start
modprobe nvme
hotplug_rounds 20 nvme,serial=hot,bus=rp0 virtio-net-pci,bus=rp1
finish
END
conclude
