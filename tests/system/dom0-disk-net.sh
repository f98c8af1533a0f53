#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: dom0 reads and writes a virtio disk and talks TCP over a virtio network card, bytes unharmed
# TIMEOUT: 120
. "$(dirname "$0")/lib.sh"
new_disk vda
run_dom0 -D "$work/vda" <<'END'
load_drivers
wait_for 10 test -b /dev/vda
check_equal disk-read "$(region_sum /dev/vda 0 $half_mib)" "$vda_sum"
# The host compares this half when the machine is off; the file system below stays in the first.
written=$(fill_region /dev/vda $half_mib $half_mib)
check_equal disk-read-back "$(region_sum /dev/vda $half_mib $half_mib)" "$written"
echo "WRITTEN $written"

# A file system over it: what is written is there after unmounting, and fsck agrees.
check mkfs mke2fs -q -t ext4 -F /dev/vda ${half_mib}M
modprobe ext4
check mount mount -t ext4 /dev/vda /mnt
head -c 2M /dev/urandom >/tmp/data
sum=$(sha256sum </tmp/data)
check copy-to-ext4 cp /tmp/data /mnt/data
check unmount umount /mnt
check fsck e2fsck -fn /dev/vda
check mount-again mount -t ext4 /dev/vda /mnt
check_equal ext4-data "$(sha256sum </mnt/data)" "$sum"
umount /mnt

check network net_start
check ping ping -c 3 -W 5 10.0.2.2
check_equal tcp-receive "$(peer GET 4194304 | sha256sum | cut -d' ' -f1)" "$(peer SUM 4194304)"
check_equal tcp-send "$(peer_put /tmp/data)" "${sum%% *}"
finish
END
written=$(sed -n 's/.*WRITTEN \([0-9a-f]*\).*/\1/p' "$console")
[ "$written" = "$(second_half_sum vda)" ] || problem "the host finds other bytes on the disk"
conclude
