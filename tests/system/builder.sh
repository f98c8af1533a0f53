#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: the domain builder makes guests that Debian's xl can see, run and end; what fails leaves nothing behind
# TIMEOUT: 240
. "$(dirname "$0")/lib.sh"
make -s --no-print-directory -C "$top" build/system/build_guest
more_payload=("$top/build/system/build_guest")
run_dom0 <<'END'
check toolstack toolstack_start
guest_config unused cloud 1 64 # for its /tmp/guest.cpio
mkdir -p /var/cache
build() { /payload/build_guest "$@" 2>&1; }
domains() { xl list | tail -n +2 | awk '{ print $1, $2, $3, $5 }' | tr '\n' ';'; }
refused() { # NAME WORDS ARGUMENTS...: says so, and no domain is left
    local name=$1 words=$2 said
    shift 2
    said=$(build "$@")
    case $said in *"$words"*) pass "$name" ;; *) fail "$name" "it said '$said'" ;; esac
    check_equal "$name-left" "$(xl list | wc -l)" 2
}
free=$(free_mib)

# What cannot be built.
head -c 300000 /dev/urandom >/tmp/noise
head -c 5000000 /guest/vmlinuz-cloud >/tmp/cut
cp /guest/vmlinuz-cloud /tmp/damaged
head -c 4096 /dev/urandom | dd of=/tmp/damaged bs=1M seek=7 conv=notrunc status=none
refused noise 'this is not a kernel' /tmp/noise 65536
refused cut 'the kernel is truncated' /tmp/cut 65536
refused damaged "kernel's LZ4 data is damaged" /tmp/damaged 131072
refused missing 'cannot open the kernel' /tmp/nothing 65536
refused small 'Give the guest more memory' /guest/vmlinuz-cloud 32768
refused huge 'MiB of free memory' /guest/vmlinuz-cloud 16777216
refused ramdisk 'cannot open the ramdisk' -r /tmp/nothing /guest/vmlinuz-cloud 81920
refused large-ramdisk 'too little memory' -r /guest/vmlinuz-cloud /guest/vmlinuz-cloud 71680
check_free_mib free-after-failures "$free"

# A paused guest, twice.  The kernel was unpacked before, so it is kept now, and the second finds it.
for n in 1 2; do
    said=$(build /guest/vmlinuz-cloud 81920)
    id=${said#domid=} id=${id%% *}
    check_equal "paused-$n" "$(domains)" "Domain-0 0 768 r-----;(null) $id 80 --p---;"
    check_equal "cached-$n" "${said##*cached=}" $((n == 2))
    check "destroy-$n" xl destroy "$id"
done
chmod 777 /var/cache/pavis # somebody else could write there: not used
case $(build /guest/vmlinuz-cloud 81920) in *cached=0) pass not-trusted ;; *) fail not-trusted "a cache that anybody can write to" ;; esac
check destroy-3 xl destroy "$(xl list | awk '/null/ { print $2 }')"
chmod 700 /var/cache/pavis

# The kept kernel boots to its shell.
check run build -u -v 2 -r /tmp/guest.cpio /guest/vmlinuz-cloud 131072 'console=hvc0 quiet'
check up guest_wait built 120 '^GUEST up'
check_equal memory "$(($(guest_said built memory) > 80000))" 1
check_equal cpus "$(guest_said built cpus)" 2
check end xl destroy built
check_free_mib free-at-the-end "$free"
finish
END
conclude
