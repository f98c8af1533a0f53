#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: both kernels, 1 and 4 vCPUs: saved and restored in turn, paused, dumped, intact; a deaf guest is left alone
# TIMEOUT: 600
# LONG
. "$(dirname "$0")/lib.sh"
. "$top/tests/system/lib-save.sh"
new_disk vda
truncate -s 300M "$work/running" "$work/paused"
run_dom0 -n 2 -m 3072 -d 1024 -D "$work/vda" -D "$work/running" -D "$work/paused" <<'END'
. /payload/save-checks.sh
load_drivers
check toolstack toolstack_start
bridge_start
free=$(free_mib)

save_guest_start g generic 4 224
check dump-page test -n "$(guest_ask 'head -c 4096 /tmp/kept | sha256sum')"
echo "DUMPED $(guest_ask 'head -c 4096 /tmp/kept | sha256sum')"
check dump-running xl dump-core g /dev/vdb
save_guest_intact dumped-running
check pause xl pause g
check dump-paused xl dump-core g /dev/vdc
check unpause xl unpause g
save_guest_intact dumped-paused

check save-paused xl save -p g /tmp/saved
check_equal saved-paused "$(guest_state g)" --p---
rm /tmp/saved
check unpause-saved xl unpause g
save_guest_intact unpaused
save_turns g generic 4

# A save for which there is no room ends with an error, and the guest goes on.
mount -t tmpfs -o size=16m tmp /mnt
check no-room eval '! xl save g /mnt/saved'
save_guest_intact no-room
umount /mnt

# Whoever does not answer is asked for a minute, and then goes on as if nobody had asked.
check deaf xl pause g
check deaf-refused eval '! xl save g /tmp/saved'
check_equal deaf-still-there "$(guest_state g)" --p---
check deaf-hears xl unpause g
save_guest_intact asked-in-vain
check destroy xl destroy g

# One vCPU, and a processor that shows the guest less than it has.
save_guest_start h cloud 1 128 'cpuid = "host,avx=0"'
check_equal masked "$(guest_ask 'grep -c -w avx /proc/cpuinfo')" 0
save_turns h cloud 2
check shutdown xl shutdown -w h
check_free_mib memory-back "$free"
[ "$failed" = 0 ] || guest_show g
finish
END
page=$(sed -n 's/.*DUMPED \([0-9a-f]*\).*/\1/p' "$console")
for dump in running paused; do
    python3 "$top/tests/system/lib-core.py" "$work/$dump" 4 $((224 * 256)) "$page" || problem "the dump of the $dump guest"
done
conclude
