#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: reboot restarts the machine and dom0 comes up a second time; poweroff then ends it
# TIMEOUT: 150
. "$(dirname "$0")/lib.sh"
new_disk vda
run_dom0 -r -D "$work/vda" <<'END'
load_drivers
wait_for 10 test -b /dev/vda
if [ "$(dd if=/dev/vda bs=1M skip=$half_mib count=1 iflag=direct status=none | head -c 5)" = again ]; then
    pass second-boot
    finish
    exit
fi
check_equal first-boot "$(region_sum /dev/vda 0 $half_mib)" "$vda_sum"
printf again | dd of=/dev/vda bs=1M seek=$half_mib conv=notrunc,fsync status=none
reboot -f
sleep 60
fail reboot "dom0 still runs a minute after reboot"
finish
END
conclude
