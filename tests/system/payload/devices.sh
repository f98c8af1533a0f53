# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Device tests in dom0: finding a device by what the host called it, a checksum test of a disk, a traffic
# test of a network card, hot-plug through QEMU's monitor.  Sourced behind dom0.sh.

# Host name -> /dev node.  virtio disks carry a serial; of the others there is one of each kind.
disk_node() { # ahci|ide|usb|nvme|<virtio serial>
    local block
    for block in /sys/block/*; do
        case $1:$(readlink "$block") in
        ahci:*/ata*/sd* | ide:*/ata*/sd* | usb:*/usb*/sd* | nvme:*/nvme*n1) ;;
        *) [ "$(cat "$block/serial" 2>/dev/null)" = "$1" ] || continue ;;
        esac
        echo "/dev/${block##*/}"
        return
    done
    return 1
}

# disk_check NAME: what the host wrote is read; what is written is read again through an empty cache, and
# the host compares it when the machine is off (tests/system/lib-disk.sh: check_disks).
disk_check() {
    local node sum written
    wait_for 20 disk_node "$1" || { fail "$1" "no such disk"; return; }
    node=$(disk_node "$1")
    sum=$1_sum
    check_equal "$1-read" "$(region_sum "$node" 0 "$half_mib")" "${!sum}"
    written=$(fill_region "$node" "$half_mib" "$half_mib")
    echo 3 >/proc/sys/vm/drop_caches
    check_equal "$1-read-back" \
        "$(dd if="$node" bs=64k skip=$((half_mib * 16)) status=none | sha256sum | cut -d' ' -f1)" "$written"
    echo "WRITTEN $1 $written"
}

card_of() { # last byte of the hardware address, as the host gave it: the interface's name
    local card
    for card in /sys/class/net/*; do
        [ "$(cat "$card/address")" != "52:54:00:00:00:$1" ] || { echo "${card##*/}"; return; }
    done
    return 1
}

# net_check NAME BYTE: card ..:BYTE is on QEMU's network 10.0.1<BYTE>.0; TCP both ways through it alone.
net_check() {
    local card sum
    wait_for 20 card_of "$2" || { fail "$1" "no such network card"; return; }
    card=$(card_of "$2")
    ip addr add "10.0.1$2.15/24" dev "$card"
    ip link set "$card" up
    peer_host=10.0.1$2.2
    check "$1-ping" wait_for 20 ping -c 1 -W 2 "$peer_host"
    head -c 2M /dev/urandom >/tmp/sent
    sum=$(sha256sum </tmp/sent)
    check_equal "$1-send" "$(peer_put /tmp/sent)" "${sum%% *}"
    check_equal "$1-receive" "$(peer GET 2097152 | sha256sum | cut -d' ' -f1)" "$(peer SUM 2097152)"
    unset peer_host
    ip link set "$card" down
}

# COM2 is an echo.  What comes back went through the line twice, under the second port's interrupt.
serial_check() {
    stty -F /dev/ttyS1 raw -echo 115200
    head -c 16384 /dev/urandom >/tmp/sent
    timeout 60 head -c 16384 </dev/ttyS1 >/tmp/echoed &
    cat /tmp/sent >/dev/ttyS1
    wait $!
    check_equal serial "$(sha256sum </tmp/echoed)" "$(sha256sum </tmp/sent)"
    check serial-interrupt eval "[ $(interrupts_of '^ *3:.*ioapic-edge') -gt 100 ]" # COM2's, once it was open
}

# The sum of the counts of the interrupt lines whose names match, over all vCPUs.
interrupts_of() {
    awk -v name="$1" '$0 ~ name { for (i = 2; $i ~ /^[0-9]+$/; i++) n += $i } END { print n + 0 }' /proc/interrupts
}
irq_numbers() { awk -F: -v name="$1" '$0 ~ name { print $1 + 0 }' /proc/interrupts; }

# Moves every interrupt whose name matches to one vCPU.  (Linux refuses for those that nobody has requested,
# whose lines end without a name.)
move_interrupts() { # name vcpu
    local irq
    for irq in $(irq_numbers "$1"); do
        printf %x $((1 << $2)) >"/proc/irq/$irq/smp_affinity" || return 1
    done
}

# affinity_check MOVES NAME DISK...: the interrupts are moved from vCPU to vCPU while the disks are read again
# and again.  A lost interrupt is a read that hangs until the driver loses patience, which it says.
affinity_check() {
    local moves=$1 name=$2 disk sum readers=() irqs i status=0
    shift 2
    rm -f /tmp/stop
    mapfile -t irqs < <(irq_numbers "$name")
    for disk; do
        sum=$(region_sum "$(disk_node "$disk")" 0 "$half_mib")
        while [ ! -e /tmp/stop ]; do
            [ "$(dd if="$(disk_node "$disk")" bs=16k count=$((half_mib * 64)) iflag=direct status=none | sha256sum)" = "$sum  -" ] ||
                exit 1
            echo >>"/tmp/reads.$disk"
        done &
        readers+=($!)
    done
    for ((i = 0; i < moves; i++)); do
        # Each in its turn, by a step that comes round to the same one with the other vCPU.
        echo $((1 + i / ${#irqs[@]} % 2)) >"/proc/irq/${irqs[i % ${#irqs[@]}]}/smp_affinity" || status=1
        [ $((i % 50)) != 0 ] || note "move $i"
    done
    touch /tmp/stop
    check_equal affinity-writes "$status" 0
    for i in "${readers[@]}"; do
        wait "$i" || status=1
    done
    check_equal affinity-reads "$status" 0
    note "interrupts moved $moves times; reads: $(wc -l /tmp/reads.* | tr '\n' ' ')"
    check_equal affinity-complaints "$(dmesg | grep -iE 'timeout|lost interrupt|completion polled|frozen' | head -3)" ''
    ! on_pavis || routing_check "$name"
}

# dom0's vCPUs are pinned: where Linux sends an interrupt, there the hypervisor has routed it.
routing_check() {
    local cpu
    toolstack_start
    for cpu in 1 0; do
        move_interrupts "$1" $cpu
        xl debug-keys p
        check_equal "routed-to-$cpu" "$(xl dmesg | tac | sed "/'p' pressed/q" | grep ' msi' | grep -v unbound |
            grep -c " cpu $cpu ")" "$(irq_numbers "$1" | wc -l)"
    done
}

# How many interrupts the hypervisor has given to guests (its debug key p); -1: another hypervisor.
pirqs_in_use() {
    on_pavis || { echo -1; return; }
    xl debug-keys p
    xl dmesg | sed -n 's/.*pirqs: \([0-9]*\) in use.*/\1/p' | tail -1
}

monitor() { # command...: shows what QEMU has to say, which is nothing if it worked
    local answer
    answer=$(peer MONITOR "$*")
    [ -z "${answer//[[:space:]]/}" ] || { echo "monitor: $* gave: $answer"; return 1; }
}

# storm_check BYTE DISK: the device "edu" pulls the line that it shares with card ..:BYTE and nobody answers.
# Linux disables the line; until then and afterwards all else works.
storm_check() {
    local registers card
    registers=$(awk '{ print $1; exit }' "$(dirname "$(grep -l 0x11e8 /sys/bus/pci/devices/*/device)")/resource")
    card=$(card_of "$1")
    ip link set "$card" up
    busybox devmem $((registers + 0x60)) 32 1 # raise; nobody stores to the register that would end it
    check storm-line-disabled wait_for 60 eval 'dmesg | grep -q "nobody cared"'
    check storm-disk dd if="$(disk_node "$2")" of=/dev/null bs=64k iflag=direct
    check storm-network ping -c 1 -W 5 10.0.2.2
    ip link set "$card" down
}

hot_disk() { # the disk whose serial is "hot"
    local block serial
    for block in /sys/block/vd* /sys/block/nvme*n1; do
        serial=$(cat "$block/serial" "$block/device/serial" 2>/dev/null)
        [ "${serial// /}" != hot ] || { echo "/dev/${block##*/}"; return; }
    done
    return 1
}

# plug DEVICE...: QEMU may still be busy with taking the last one out when dom0 has let go of it.
plug() { wait_for 20 monitor device_add "$*" || monitor device_add "$*"; }

hotplug_round() { # number disk-device card-device
    local node sum
    plug "$2,drive=hot,id=hotdisk" && wait_for 20 hot_disk || return 1
    plug "$3,netdev=n09,mac=52:54:00:00:00:09,romfile=,id=hotcard" && wait_for 20 card_of 09 || return 1
    node=$(hot_disk)
    wait_for 10 test -b "$node" || return 1
    # shellcheck disable=SC2154  # the host's
    [ "$(region_sum "$node" 0 "$half_mib")" = "$hot_sum" ] || return 1
    sum=$(fill_region "$node" "$half_mib" 1)
    [ "$(region_sum "$node" "$half_mib" 1)" = "$sum" ] || return 1
    [ "$1" != 1 ] || net_check card 09
    # One after the other: on pc a second request to eject would meet the slot's next device.
    monitor device_del hotdisk && wait_for 30 eval '! hot_disk' || return 1
    monitor device_del hotcard && wait_for 30 eval '! card_of 09'
}

# hotplug_rounds N DISK-DEVICE CARD-DEVICE: both come, work and go, N times.  What the host has for them to
# be plugged to is called "hot" and "n09".
hotplug_rounds() {
    local round before good=0
    toolstack_start
    modprobe e1000e
    before=$(pirqs_in_use)
    for ((round = 1; round <= $1; round++)); do
        hotplug_round "$round" "$2" "$3" || { dmesg | tail -30; break; }
        good=$round
        note "hotplug round $round"
    done
    check_equal hotplug-rounds "$good" "$1"
    wait_for 10 eval "[ \$(pirqs_in_use) = $before ]"
    check_equal interrupts-given-back "$(pirqs_in_use)" "$before"
}
