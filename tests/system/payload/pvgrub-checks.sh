# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# A guest whose kernel in xl's eyes is Debian's PV-GRUB, which starts another from the guest's disk.
. /payload/save-checks.sh

pvgrub_start() { # NAME VCPUS MEMORY DISK: until the kernel that GRUB starts is up
    cat >"/tmp/$1.cfg" <<CFG
name = "$1"
type = "pv"
vcpus = $2
memory = $3
kernel = "/payload/grub-xen.bin"
on_crash = "destroy"
disk = [ 'phy:$4,xvda,w' ]
vif = [ 'bridge=xenbr0,mac=00:16:3e:00:00:02' ]
CFG
    check "$1-create" xl create "/tmp/$1.cfg"
    check "$1-up" guest_wait "$1" 120 '^GUEST idle'
}

pvgrub_intact() { # NAME VCPUS DISK: it is the kernel that GRUB started, and all its devices work
    check "$1-grub-was-there" guest_seen "$1" 'Welcome to GRUB!'
    check "$1-answers" wait_for 20 guest_answers
    check_equal "$1-started-by" "$(guest_ask cat /proc/cmdline | grep -o 'started-by=.*')" started-by=grub
    check_equal "$1-vcpus" "$(guest_ask nproc)" "$2"
    check_equal "$1-disk" "$(guest_ask 'dd if=/dev/xvda bs=1M count=16 iflag=direct 2>/dev/null | sha256sum')" \
        "$(dd if="$3" bs=1M count=16 iflag=direct status=none | sha256sum)"
    [ "$failed" = 0 ] || guest_show "$1" 40
}
