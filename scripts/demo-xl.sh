# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The guest of `make run TOOLS=debian`, by Debian's tools and the kernel's back ends: a small root in memory.

guests_start() {
    echo "creating a guest from Debian's cloud kernel"
    guest_config demo cloud 1 "$guest_mib" 'pavis.ip=10.9.0.2 pavis.disk=xvda' "
disk = [ 'phy:/dev/vdb,xvda,w' ]
vif = [ 'bridge=xenbr0,mac=00:16:3e:00:00:02' ]"
    start=$(uptime_s)
    check create tool create -q /tmp/demo.cfg
    created=$(seconds_since "$start")
    check guest-up guest_wait demo 90 '^GUEST idle'
    guest_up=$(seconds_since "$start")
    guest_data_checks demo /dev/vdb "$vdb_sum" 1
}

guests_report() {
    local written_back
    written_back=$(region_sum /dev/vdb "$half_mib" "$half_mib")
    report "guest        Linux $(guest_seen demo '^GUEST init' | awk '{ print $4 }'), $guest_mib MiB: created in $created s, all below done after $guest_up s"
    report "  disk       $(verdict "$(guest_said demo disk-read) $(guest_said demo disk-written)" "$vdb_sum $written_back" \
        "blkfront to xen-blkback: $half_mib MiB read, $half_mib MiB written, equal on both sides")"
    report "  network    netfront to xen-netback: $(guest_said demo ping) of 5 pings, $(verdict \
        "$(guest_said demo tcp-received) $(guest_said demo tcp-sent)" "$net_sum $net_sum" \
        '4 MiB over TCP each way, checksums equal')"
}
