# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# dom0's program in `make run`: the whole stack once, every step checked and timed, then a report.
# It leaves the guest running where there is a person to look at it.

. /payload/dom0.sh
. /payload/guest-checks.sh
. /payload/demo-parts.sh

report() { if [ -n "$batch" ]; then echo "| $*"; else echo "$*"; fi; }
verdict() { if [ "$1" = "$2" ]; then echo "$3"; else echo "WRONG"; fi; }
# A person wants the report, not forty lines.
[ -n "$batch" ] || pass() { passed=$((passed + 1)); }

# ---- dom0 ---------------------------------------------------------------------------------------
echo "dom0 is up; checking its disk and network"
check network net_start
host_now=$(peer TIME)
boot_s=$(awk -v host="$host_now" -v up="$(uptime_s)" -v init="$init_uptime" \
    'BEGIN { printf "%.1f %.1f", host - up, host - up + init }')
wait_for 10 test -b /dev/vdb
disk_sum=$(region_sum /dev/vda 0 "$half_mib")
check_equal dom0-disk-read "$disk_sum" "$vda_sum"
written=$(fill_region /dev/vda "$half_mib" "$half_mib")
check_equal dom0-disk-write "$(region_sum /dev/vda "$half_mib" "$half_mib")" "$written"
tcp_sum=$(peer GET 4194304 | sha256sum | cut -d' ' -f1)
tcp_wanted=$(peer SUM 4194304)
check_equal dom0-tcp "$tcp_sum" "$tcp_wanted"

# ---- the toolstack and a guest ----------------------------------------------------------------------
echo "starting xenstored and xenconsoled"
start=$(uptime_s)
check toolstack toolstack_start
toolstack_took=$(seconds_since "$start")
free_before=$(free_mib)
bridge_start
guest_servers_start
! pavis_has doctor || check doctor pavis doctor
own_mib=$(tool info | awk -v dom="$(tool list | awk 'NR > 1 { n += $3 } END { print n }')" \
    '$1 == "total_memory" { t = $3 } $1 == "free_memory" { f = $3 } END { print t - f - dom }')

guests_start
uptime_all=$(awk -v a="$(peer TIME)" 'BEGIN { printf "%.0f", a }')

# ---- the report ---------------------------------------------------------------------------------
version=$(cat /sys/hypervisor/version/{major,minor,extra} | tr '\n' '.' | sed 's/\.\([-.]\)/\1/; s/\.$//')
report "---------------------------------------------------------------------------"
report "hypervisor   Xen ABI $version; $machine_text"
report "             keeps $own_mib MiB for itself and its heap; $free_before MiB free before the guest"
report "boot         power on to dom0's kernel ${boot_s% *} s, to dom0's init ${boot_s#* } s"
report "dom0         Linux $(uname -r), $(nproc) vCPU, $(tool list 0 | awk 'NR == 2 { print $3 }') MiB"
report "  disk       $(verdict "$disk_sum" "$vda_sum" "virtio: $half_mib MiB read and $half_mib MiB written, checksums equal")"
report "  network    $(verdict "$tcp_sum" "$tcp_wanted" 'virtio: 4 MiB over TCP from the host, checksum equal')"
report "toolstack    $(tools_text), started in $toolstack_took s"
guests_report
tool list | while IFS= read -r line; do report "  $line"; done
report "checks       $passed passed, $failed failed; $uptime_all s since power on"
report "---------------------------------------------------------------------------"

if [ -z "$batch" ]; then
    echo "The guest 'demo' is running.  Try: $(tool_of list) list; $(tool_of console) console demo (Ctrl-] leaves); $(tool_of shutdown) shutdown demo."
    ! pavis_has run || echo "A Debian of your own: pavis run --disk /dev/vdc,overlay --net xenbr0 --ip 10.9.0.9/24 (exit leaves); pavis run --help"
    setsid -c bash -i </dev/hvc0 >/dev/hvc0 2>&1
fi
if ! guest_gone demo; then
    check shutdown tool shutdown demo
    check guest-gone wait_for 40 guest_gone demo
    check_free_mib memory-back "$free_before"
fi
guest_servers_stop
finish
