# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# A guest's own disk for Debian's PV-GRUB (package grub-xen-host): ext4 with /boot/grub/grub.cfg, a kernel
# and an initrd.  Sourced after lib.sh.

image=$("$top/scripts/dom0-image")
more_payload+=("$image/grub-xen.bin")

# system_disk NAME KERNEL [OFFSET]: $work/NAME with the kernel file and the guests' initrd; with an offset in a
# partition.
system_disk() {
    local root=$work/$1.root
    mkdir -p "$root/boot/grub" "$root/initrd/payload"
    cp "$2" "$root/boot/kernel"
    cp "$top/tests/system/payload/guest.sh" "$root/initrd/payload/"
    cpio -i --quiet --to-stdout guest/guest.cpio <"$image/dom0.cpio" >"$root/boot/initrd"
    (cd "$root/initrd" && find payload | cpio -o -H newc -R 0:0 --quiet) >>"$root/boot/initrd"
    rm -r "$root/initrd"
    cat >"$root/boot/grub/grub.cfg" <<'CFG'
set timeout=0
menuentry 'the guest' {
    linux /boot/kernel console=hvc0 quiet pavis.ip=10.9.0.2 pavis.serve started-by=grub
    initrd /boot/initrd
}
CFG
    truncate -s 128M "$work/$1"
    [ -z "${3:-}" ] || echo "start=$(($3 / 512)), type=83" | sfdisk -q "$work/$1"
    mke2fs -q -F -t ext4 -d "$root" -E "offset=${3:-0}" "$work/$1" 120M
    rm -r "$root"
}
