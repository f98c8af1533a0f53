# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Many machines, each booted once to a shell of dom0, with as little else as possible: a cell takes about
# 11 s on an idle machine.  A cell that fails does not hide the others.  After lib.sh.

cells=0 failed_cells=()

# What dom0 runs: guest.sh is the name that its init looks for (scripts/boot -s).
cat >"$work/guest.sh" <<'END'
echo "CELL $(cat /sys/hypervisor/type) $(cat /sys/hypervisor/guest_type) $(nproc) CPUs"
poweroff -f
END

# cell MACHINE CPU CPUS FIRMWARE [scripts/boot options]: boots it, says one line.  FIRMWARE: bios or uefi, from
# a disk by GRUB; or direct, by QEMU's own Multiboot loader.
cell() {
    local machine=$1 cpu=$2 cpus=$3 firmware=$4 name status=0 started=$SECONDS problem=
    shift 4
    name=$machine/$cpu/$cpus/$firmware${*:+ $*}
    [ "$firmware" = direct ] || set -- -b "$firmware" "$@"
    console=$LOG_DIR/$test_name.$((++cells)).console.log
    "$top/scripts/boot" -s -M "$machine" -c "$cpu" -n "$cpus" -m 1024 -d 384 -t "$(stretch 60)" \
        -k 'oops=panic panic=1' -l "$console" "$@" "$work/guest.sh" &
    child=$!
    wait $child || status=$?
    child=
    [ $status = 0 ] || problem="QEMU ended with status $status"
    grep -q "CELL xen PV $cpus CPUs" "$console" || problem="no shell with $cpus CPUs"
    ! grep -qE '\(XEN\).*(Panic on CPU|BUG at|Assertion .* failed|double fault)|Kernel panic|BUG: |Oops: ' \
        "$console" || problem="a complaint on the console"
    if [ -z "$problem" ]; then
        echo "TEST $name ok ($((SECONDS - started)) s)"
        return
    fi
    echo "TEST $name FAIL $problem: $console"
    tail -n 5 "$console" | sed 's/^/     | /'
    failed_cells+=("$name")
}

stretch() { awk -v t="$1" -v f="${TIME_FACTOR:-1}" 'BEGIN { printf "%d", t * f }'; }

conclude_cells() {
    echo "DONE $((cells - ${#failed_cells[@]})) passed ${#failed_cells[@]} failed"
    [ ${#failed_cells[@]} = 0 ] || { printf 'failed: %s\n' "${failed_cells[@]}"; exit 1; }
}
