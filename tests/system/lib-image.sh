# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Tests on the disk of `make image`, a full Debian started by GRUB.  Sourced after lib.sh.  Nothing in the
# image knows of tests: run_image waits for the login prompt on the serial console, types `root` and a
# line that unpacks and runs the program, as a person would, and then `poweroff`.

prompt='root@pavis:~#'

# wait_console SECONDS REGEX: until the console shows it and QEMU still runs.
wait_console() {
    local end=$((SECONDS + $1))
    until grep -aqE "$2" "$console"; do
        [ $SECONDS -lt $end ] && kill -0 "$child" 2>/dev/null || return 1
        sleep 0.5
    done
}

# What dom0.sh expects of the small dom0 and a full one has in another way.
image_preamble='
export LC_ALL=C TERM=dumb
usleep() { sleep "$(($1 / 1000))e-3"; }
. /payload/dom0.sh
toolstack_start() { systemctl start pavis-store; }
'

# run_image [scripts/boot options] <program
run_image() {
    console=$LOG_DIR/$test_name.console.log
    [ $# -eq 0 ] || echo "boot $*"
    make -s --no-print-directory -C "$top" image >/dev/null
    { echo "$image_preamble"; cat; } >"$work/main.sh"
    {
        echo "half_mib=$half_mib"
        echo "time_factor=$(awk -v f="${TIME_FACTOR:-1}" 'BEGIN { printf "%d", f < 1 ? 1 : f + 0.5 }')"
    } >>"$work/env.sh"
    mkfifo "$work/keys"
    : >"$console"
    "$top/scripts/boot" -T -p -B "$top/build/pavis.img" -t "$limit" -k 'quiet oops=panic panic=1' -l "$console" \
        "$@" "$work/main.sh" "$work/env.sh" "$top"/tests/system/payload/*.sh <"$work/keys" &
    child=$!
    exec 8>"$work/keys"
    local status=0
    if ! wait_console "$limit" 'pavis login:'; then
        problem "no login prompt"
    elif ! { echo root >&8; wait_console 120 "$prompt"; }; then
        problem "no shell after the login"
    else
        echo 'dmesg -n1; tar -C / -xf /dev/disk/by-id/virtio-payload && bash /payload/main.sh; poweroff' >&8
    fi
    [ $failures = 0 ] || kill "$child" 2>/dev/null || true
    wait $child || status=$?
    exec 8>&-
    child=
    judge "$status"
}

# image_works FIRMWARE [scripts/boot options]: all that a full Debian does, on two CPUs.
image_works() {
    local firmware=$1
    shift
    new_disk vdb
    run_image -b "$firmware" -n 2 -D "$work/vdb" "$@" "$(cached_deb libjudydebian1)" <<END
firmware=$firmware cpus=2
. /payload/image-checks.sh
image_system
image_devices
image_toolstack
image_guests
image_apt
image_update_grub
finish
END
    conclude
}

# The newest file of a package that an image was made of.
cached_deb() {
    local files
    files=$(ls -t "${PAVIS_CACHE:-$HOME/.cache/pavis}/debs/$1"_*.deb)
    echo "${files%%$'\n'*}"
}
