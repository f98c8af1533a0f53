# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Guests by `pavis create` and their ends, held against Debian's xl in the same dom0.  Sourced after
# guest-checks.sh with TOOLS=ours.

records() { find /run/pavis/making /run/pavis/guests /run/pavis/again -type f; }

# What there is beside guests, so that what is left behind shows.
state() {
    xenstore-ls -fp
    losetup -a
    ls /sys/class/net
    find /run/pavis -type f | grep -v blkback/shares
    ls /var/lib/xen
}
before() { state >/tmp/state.before; free_before=$(free_mib); }
left_nothing() {
    # Back ends learn from the store that a guest is gone.
    wait_for 10 eval 'state >/tmp/state.after; cmp -s /tmp/state.before /tmp/state.after'
    check nothing-left diff /tmp/state.before /tmp/state.after
    check_free_mib memory-back "$free_before"
}

# refused NAME TEXT COMMAND...: it fails, and says this.
refused() {
    local name=$1 text=$2 output
    shift 2
    if output=$("$@" 2>&1); then
        fail "$name" "'$*' succeeded"
    elif echo "$output" | grep -q "$text"; then
        pass "$name"
    else
        fail "$name" "'$*' said: $(echo "$output" | tail -3 | tr '\n' '|')"
    fi
}

# Each mistake is answered with what to do, and leaves nothing.
pavis_refusals() {
    guest_config r cloud 1 128
    refused no-file 'No such file' pavis create /tmp/none.cfg
    refused bad-syntax 'memory=lots:1:8: error: .*quotes' pavis create /tmp/r.cfg 'memory=lots'
    refused no-kernel '/none' pavis create /tmp/r.cfg 'kernel="/none"'
    refused bad-kernel 'kernel' pavis create /tmp/r.cfg 'kernel="/payload/main.sh"'
    refused no-bridge 'ip link add' pavis create /tmp/r.cfg 'vif=["bridge=nobr"]'
    refused no-disk 'cannot open /none' pavis create /tmp/r.cfg 'disk=["/none,raw,xvda,w"]'
    refused too-big 'memory' pavis create /tmp/r.cfg 'memory=100000'
    refused unknown-domain 'no domain' pavis destroy nobody
    refused domain-0 'poweroff' pavis destroy 0
    check dry-run eval 'pavis create -n /tmp/r.cfg memory=77 | grep -q "\"target_memkb\": 78848"'
    check_equal refusals-leave-nothing "$(records; xenstore-list /local/domain; losetup -a)" 0
}

# The nodes of one guest by xl and of the same by pavis, without what may differ by design.
guest_nodes() {
    local id
    id=$(xl domid n)
    xenstore-ls -fp | grep -v -e /start_time -e 'ring-ref' -e '/tty = ' -e '/state = ' -e '/mtu = ' \
        -e '/local/domain/0/control' |
        sed -E "s,/(vbd|vif|console|libxl|domain)/$id\\b,/\\1/ID,g; s/([nr])$id\\b/\\1ID/g; s/(id = \")$id\"/\\1ID\"/"
}
pavis_nodes_like_xl() {
    guest_config n cloud 2 128 '' "
uuid = '0b7c2f0e-8f2e-4c8f-9a53-2f3fd3f1f3aa'
disk = [ 'phy:/dev/vda,xvda,w,backendtype=phy', 'file:/tmp/disk.img,xvdb,r,backendtype=phy' ]
vif = [ 'bridge=xenbr0,mac=00:16:3e:00:00:02,rate=10Mb/s,backendtype=vif' ]"
    check xl-create xl create -p /tmp/n.cfg
    guest_nodes >/tmp/nodes.xl
    check pavis-destroys-xls pavis destroy n
    check xls-loop-gone wait_for 10 eval '[ -z "$(losetup -a)" ]'
    check pavis-create pavis create -q -p /tmp/n.cfg
    guest_nodes >/tmp/nodes.pavis
    check same-nodes diff /tmp/nodes.xl /tmp/nodes.pavis
    check list-long eval 'xl list -l n | grep -q "\"pdev_path\": \"/dev/vda\""'
    refused disk-shared 'disk of another guest' pavis create /tmp/n.cfg 'name="m"' 'uuid="1b7c2f0e-8f2e-4c8f-9a53-2f3fd3f1f3aa"'
    check_equal list-paused "$(guest_state n)" --p---
    refused name-taken 'a guest with the name n exists' pavis create /tmp/n.cfg 'uuid="1b7c2f0e-8f2e-4c8f-9a53-2f3fd3f1f3aa"'
    check xl-destroys-pavis xl destroy n
    check record-gone wait_for 20 eval '[ -z "$(records)" ]'
    check loop-gone wait_for 10 eval '[ -z "$(losetup -a)" ]'
}

pavis_start() { # NAME FLAVOUR VCPUS DISK-SPEC
    guest_config "$1" "$2" "$3" 256 'pavis.ip=10.9.0.2 pavis.disk=xvda sysrq_always_enabled' "
disk = [ '$4,xvda,w' ]
vif = [ 'bridge=xenbr0' ]"
    check "$1-create" pavis create "/tmp/$1.cfg"
    check "$1-up" guest_wait "$1" 90 '^GUEST idle'
}

# Its data, what xl says of it, a reboot with the supervisor killed before, its end.
pavis_life() {
    local id mac
    pavis_start g cloud 2 file:/tmp/disk.img
    check_equal g-disk-read "$(guest_said g disk-read)" "$vda_sum"
    check_equal g-disk-written "$(tail -c ${half_mib}M /tmp/disk.img | sha256sum | cut -d' ' -f1)" "$(guest_said g disk-written)"
    check_equal g-tcp-received "$(guest_said g tcp-received)" "$net_sum"
    check_equal g-tcp-sent "$(guest_said g tcp-sent)" "$net_sum"
    check g-ping-from-dom0 ping -c 3 -W 2 10.9.0.2
    guest_list_checks g 2
    check g-console console_answers g
    guest_pause_checks g
    pavis_hotplug
    id=$(xl domid g) mac=$(xenstore-read "/local/domain/$id/device/vif/0/mac")
    kill -9 "$(pid_of_supervisor)"
    check g-reboot pavis reboot g # which starts another
    check g-again wait_for 40 eval '[ "$(xl domid g 2>/dev/null || echo '"$id"')" != '"$id"' ]'
    check g-up-again wait_for 60 eval '[ "$(guest_seen g "^GUEST idle" | wc -l)" = 2 ]'
    check_equal g-same-card "$(xenstore-read "/local/domain/$(xl domid g)/device/vif/0/mac")" "$mac"
    check_equal g-same-disks "$(pavis block-list g | awk '{ print $1 }' | tr '\n' ' ')" 'Vdev 51712 51728 '
    check_equal g-same-limit "$(xenstore-read "$(back_of g vbd 51728)/iops")" 50
    check g-shutdown timeout $((60 * ${time_factor:-1})) pavis shutdown -w g
    check g-gone guest_gone g
    [ "$failed" = 0 ] || guest_show g
}

# vif = [ 'network=nat' ]: a network for a guest, which goes with the guest.
own_network_gone() { [ ! -e /sys/class/net/pv-nat ] && [ -z "$(pidof dnsmasq)" ] && [ -z "$(nft list ruleset)" ]; }
pavis_own_network() {
    local ip
    guest_config n cloud 1 128 pavis.dhcp "vif = [ 'network=nat' ]"
    check nat-create pavis create -q /tmp/n.cfg
    ip=$(awk '{ print $3 }' /run/pavis-networks/nat/cards)
    check_equal nat-node "$(xenstore-read "$(back_of n vif 0)/ip")" "$ip"
    check nat-up guest_wait n 60 '^GUEST idle'
    check_equal nat-lease "$(guest_said n dhcp)" "$ip"
    check_equal nat-gateway "$(guest_said n gateway)" 3
    check_equal nat-whole "$(pavis net-list | awk '$1 == "nat" { print $5, $6, $7, $8 }')" '1 while used '
    check nat-second pavis create -q -p /tmp/n.cfg 'name="n2"'
    check nat-destroy pavis destroy n
    check nat-stays test -e /sys/class/net/pv-nat
    check nat-destroy-second pavis destroy n2
    check nat-gone own_network_gone
}

# The expression does not match itself on grep's own command line.
pid_of_supervisor() { grep -l 'supervis[e]' /proc/[0-9]*/cmdline 2>/dev/null | head -1 | cut -d/ -f3; }

# A crash, destroyed before its first instruction, in its boot, and twice at once.
pavis_ends() {
    guest_config e cloud 1 128 '' "vif = [ '' ]"
    check e-create pavis create -q /tmp/e.cfg
    sleep 1
    check e-destroy-booting pavis destroy e
    check e-create-to-crash pavis create -q /tmp/e.cfg 'ramdisk=""' # its kernel finds no root file system
    check e-crash-ends-it wait_for 60 guest_gone e
    check e-record-gone wait_for 20 eval '[ -z "$(records)" ]'
    check e-preserve pavis create -q -p /tmp/e.cfg 'on_crash="preserve"'
    pavis destroy e &
    pavis destroy e 2>/dev/null
    wait $!
    check e-destroyed-twice guest_gone e
}

# A tiny guest that ends as it is told, by what its configuration says of that end.
ends_as() { # REASON ACTION: makes it, has it end
    cat >/tmp/a.cfg <<CFG
name = "a"
kernel = "/payload/domu.elf"
memory = 4
extra = "$1"
on_$1 = "$2"
CFG
    : >"$(guest_log a)"
    check "$1-$2" pavis create -q /tmp/a.cfg
    id=$(pavis domid a)
    check "$1-$2-says" wait_for 20 grep -q '^LIMITS ok' "$(guest_log a)"
    { printf 'x\n'; sleep 1; } >"$(xenstore-read "/local/domain/$id/console/tty")"
}
is_another() { local now; now=$(pavis domid a 2>/dev/null) && [ "$now" != "$id" ]; }
pavis_actions() {
    local id
    ends_as reboot rename-restart
    check renamed wait_for 20 eval 'pavis list "a-$id" && is_another'
    check_equal renamed-is-off "$(guest_state "a-$id")" ---s--
    check_equal renamed-other-uuid "$(for name in a "a-$id"; do xenstore-read "/local/domain/$(pavis domid $name)/vm"; done | sort -u | wc -l)" 2
    check renamed-destroy pavis destroy "a-$id" a
    ends_as reboot coredump-restart
    check dump-restarts wait_for 20 is_another
    check dump-restart-destroy pavis destroy a
    ends_as poweroff restart
    check poweroff-restarts wait_for 20 is_another
    check poweroff-destroy pavis destroy a
    ends_as crash coredump-destroy
    check dump-destroys wait_for 20 guest_gone a
    ends_as crash restart # sooner than 10 s after its start: it would do so for ever
    check young-stays-gone wait_for 20 guest_gone a
    check_equal actions-leave-no-record "$(records)" ''
}

# ---- many guests, some of whose makers are killed ---------------------------------------------------

tiny_config() { # those that a kill is for with a disk and a network card too, which cost seconds
    cat >/tmp/t.cfg <<CFG
name = "t"
kernel = "/payload/basic.elf"
memory = 16
$([ $(($1 % 5)) != 4 ] || echo "disk = [ 'file:/tmp/small.img,xvda,w' ]
vif = [ '' ]")
CFG
}

# All that must be as before: what the hypervisor counts, the store, files, descriptors, processes.
everything() {
    /payload/tally
    state | grep -v 'pavis/supervisor'
    for daemon in xenstored xenstore-keeper xenconsoled; do
        echo "$daemon $(ls "/proc/$(grep -lx $daemon /proc/[0-9]*/comm | head -1 | cut -d/ -f3)/fd" | wc -l)"
    done
    echo "supervisor $(ls "/proc/$(pid_of_supervisor)/fd" | wc -l)"
    ps | grep -v -e '\[' -e ' ps$' -e 'grep' | wc -l
}
settled() { everything >/tmp/all.after 2>&1 && cmp -s /tmp/all.before /tmp/all.after; }

one_cycle() { # I: create and destroy; every tenth maker is killed, and every tenth destroyer
    local nth=0 status=0
    tiny_config "$1"
    RANDOM=$((seed * 1000 + $1))
    [ $(($1 % 10)) != 4 ] || nth=$((1 + RANDOM % calls_create))
    if [ $nth != 0 ]; then
        /payload/kill_at $nth pavis create -q -p /tmp/t.cfg >/dev/null 2>&1 || status=$?
        [ $status != 137 ] || killed=$((killed + 1))
        pavis destroy t >/dev/null 2>&1 # which first removes what is left
        return 0
    fi
    pavis create -q -p /tmp/t.cfg || return 1
    if [ $(($1 % 10)) = 9 ]; then
        /payload/kill_at $((1 + RANDOM % calls_destroy)) pavis destroy t >/dev/null 2>&1 || status=$?
        [ $status != 137 ] || killed=$((killed + 1))
        pavis destroy t >/dev/null 2>&1
        return 0
    fi
    pavis destroy t
}

# Maker and supervisor killed: a command that only looks starts another, which removes what there is.
pavis_looks_after() {
    tiny_config 3
    pavis create -q -p /tmp/t.cfg
    pavis destroy t
    kill -9 "$(pid_of_supervisor)"
    echo "$$" >/run/pavis/making/00000000-0000-4000-8000-000000000001 # as if its maker had been killed at once
    pavis list >/dev/null
    check list-starts-supervisor wait_for 10 eval '[ -n "$(pid_of_supervisor)" ]'
    check half-made-is-removed wait_for 10 eval '[ -z "$(find /run/pavis/making -type f)" ]'
}

calls_of() { /payload/kill_at 1000000 "$@" 2>&1 | sed -n 's/kill_at: \([0-9]*\) calls/\1/p'; }

pavis_cycles() {
    local i bad='' start
    killed=0
    pavis_looks_after
    dd if=/dev/zero of=/tmp/small.img bs=1M count=1 status=none
    for i in 3 4; do tiny_config $i && pavis create -q -p /tmp/t.cfg && pavis destroy t; done # what only the first guests make
    tiny_config 4
    calls_create=$(calls_of pavis create -q -p /tmp/t.cfg)
    calls_destroy=$(calls_of pavis destroy t)
    echo "FIGURE system calls of a maker $calls_create, of a destroyer $calls_destroy"
    usleep 500000
    # shellcheck disable=SC2046
    /payload/tally $(seq 512 512 $((cycles + 100)))
    everything >/tmp/all.before
    start=$(uptime_s)
    for ((i = 0; i < cycles; i++)); do
        one_cycle $i || { bad="cycle $i"; break; }
        [ $((i % 100)) != 99 ] || echo "after $((i + 1)) cycles, $killed killed: $(head -1 /tmp/all.after)"
        if [ $((i % 10)) = 4 ] || [ $((i % 10)) = 9 ]; then
            wait_for 20 settled || { bad="left behind in cycle $i: $(diff /tmp/all.before /tmp/all.after | tail -6 | tr '\n' '|')"; break; }
        fi
    done
    check_equal cycles "$bad" ''
    echo "FIGURE cycles $i, killed $killed, $(seconds_since "$start") s"
    # Not by check, whose subshell would be counted among the processes.
    if wait_for 20 settled; then
        pass cycles-nothing-left
    else
        fail cycles-nothing-left "$(diff /tmp/all.before /tmp/all.after | tail -6 | tr '\n' '|')"
    fi
    check killed test $killed -gt 0
}

# ---- devices that come and go ------------------------------------------------------------------------

back_of() { xenstore-read "/libxl/$(xl domid "$1")/device/$2/$3/backend"; }
# What g's shell says to this, over the network.
ask() { printf '%s\n' "$1" | timeout 30 nc 10.9.0.2 7100; }

# Disks and cards of a running stock guest of ours: given, used, made larger, limited, taken, kept over a reboot.
pavis_hotplug() {
    head -c 4M /dev/urandom >/tmp/disk2.img
    disk2_sum=$(sha256sum </tmp/disk2.img | cut -d' ' -f1)
    head -c 8M /dev/urandom >/tmp/hot.img
    hot_sum=$(sha256sum </tmp/hot.img | cut -d' ' -f1)
    printf 'nc -ll -p 7100 -e sh &\n' | pavis console g >/dev/null &
    check hot-listens wait_for 20 eval '[ "$(ask "echo here")" = here ]'
    kill $! 2>/dev/null
    check_equal hot-default-kind "$(back_of g vbd 51712 | cut -d/ -f6) $(back_of g vif 0 | cut -d/ -f6)" 'pvblk pvnet'
    check_equal hot-block-list-xl "$(pavis block-list g)" "$(xl block-list g)"
    check_equal hot-network-list-xl "$(pavis network-list g)" "$(xl network-list g)"
    check hot-attach pavis block-attach g /tmp/hot.img,raw,xvdb,w
    check_equal hot-kind "$(back_of g vbd 51728 | cut -d/ -f6)" pvblk
    check_equal hot-read "$(ask 'dd if=/dev/xvdb bs=1M iflag=direct 2>/dev/null | sha256sum | cut -d" " -f1')" "$hot_sum"
    check_equal hot-written "$(ask 'dd if=/dev/urandom of=/tmp/w bs=64k count=16 2>/dev/null; dd if=/tmp/w of=/dev/xvdb bs=64k oflag=direct conv=fsync 2>/dev/null; sha256sum </tmp/w | cut -d" " -f1')" \
        "$(head -c 1M /tmp/hot.img | sha256sum | cut -d' ' -f1)"
    check hot-list-json eval 'pavis block-list --json g | grep -q "\"params\": \"/tmp/hot.img\""'
    refused hot-twice 'has a device 51728 already' pavis block-attach g /tmp/disk2.img,raw,xvdb,w
    refused hot-shared 'disk of another guest' pavis block-attach g /tmp/hot.img,raw,xvdc,w
    refused hot-bad-words 'no access' pavis block-attach g /tmp/hot.img,raw,xvdc,x
    refused hot-no-disk 'no disk xvdq' pavis block-detach g xvdq
    refused hot-smaller 'does not get smaller' pavis block-resize g xvdb 1M
    check hot-resize pavis block-resize g xvdb 12M
    check_equal hot-resized "$(ask 'n=0; while [ "$(cat /sys/block/xvdb/size)" != 24576 ] && [ $n -lt 50 ]; do usleep 100000; n=$((n + 1)); done; cat /sys/block/xvdb/size')" 24576
    pavis_measures
    check hot-set pavis block-set --iops 50 --weight 512 g xvdb
    check_equal hot-set-node "$(xenstore-read "$(back_of g vbd 51728)/iops" "$(back_of g vbd 51728)/weight" | tr '\n' ' ')" '50 512 '
    check hot-kernels pavis block-attach g /tmp/disk2.img,raw,xvdc,w,backendtype=phy
    check_equal hot-kernels-kind "$(back_of g vbd 51744 | cut -d/ -f6)" vbd
    check_equal hot-kernels-read "$(ask 'dd if=/dev/xvdc bs=1M iflag=direct 2>/dev/null | sha256sum | cut -d" " -f1')" "$(sha256sum </tmp/disk2.img | cut -d' ' -f1)"
    check hot-kernels-detach pavis block-detach g xvdc
    check_equal hot-kernels-gone "$(ask 'ls /sys/block | grep -c xvdc')" 0
    check hot-loop-gone wait_for 10 eval '[ -z "$(losetup -a)" ]'
    check hot-overlay eval 'blkback -o /tmp/hot.over /tmp/disk2.img && pavis block-attach g overlay:/tmp/hot.over,raw,xvdc,w'
    check_equal hot-overlay-read "$(ask 'dd if=/dev/xvdc bs=1M iflag=direct 2>/dev/null | sha256sum | cut -d" " -f1; dd if=/dev/urandom of=/dev/xvdc bs=64k count=4 oflag=direct conv=fsync 2>/dev/null')" "$disk2_sum"
    refused hot-overlay-shared 'disk of another guest' pavis block-attach g overlay:/tmp/../tmp/hot.over,raw,xvdd,w
    check hot-overlay-detach pavis block-detach g xvdc
    check_equal hot-overlay-base "$(sha256sum </tmp/disk2.img | cut -d' ' -f1)" "$disk2_sum"
    refused hot-overlay-none 'blkback -o FILE BASE' pavis block-attach g overlay:/tmp/none,raw,xvdc,w
    refused hot-overlay-kernels 'only blkback' pavis block-attach g overlay:/tmp/hot.over,raw,xvdc,w,backendtype=phy
    refused hot-nbd-nonsense 'write nbd://HOST/EXPORT' pavis block-attach g 'vdev=xvdc,target=nbd:///x'
    refused hot-nbd-nobody 'cannot connect to nbd://127.0.0.1:1/x' pavis block-attach g nbd://127.0.0.1:1/x,raw,xvdc,w
    check hot-card pavis network-attach g bridge=xenbr0 mac=00:16:3e:00:00:77
    check_equal hot-card-there "$(ask 'cat /sys/class/net/eth1/address')" 00:16:3e:00:00:77
    check hot-card-pings eval '[ "$(ask "ip addr add 10.9.0.3/24 dev eth1; ip link set eth1 up; ping -c 1 -W 2 -I eth1 10.9.0.1 | grep -c \"1 packets received\"")" = 1 ]'
    check hot-card-detach pavis network-detach g 00:16:3e:00:00:77
    check_equal hot-card-gone "$(ask 'ls /sys/class/net | grep -c eth1')" 0
    # A guest that stands still gives nothing up, and keeps it; with --force it loses it.
    pavis pause g
    refused hot-timeout 'keeps it' pavis block-detach --timeout 1 g xvdb
    check_equal hot-kept "$(xenstore-read "$(back_of g vbd 51728)/online")" 1
    pavis unpause g
    check_equal hot-still-there "$(ask 'dd if=/dev/xvdb bs=1M count=1 iflag=direct 2>/dev/null | sha256sum | cut -d" " -f1')" "$(head -c 1M /tmp/hot.img | sha256sum | cut -d' ' -f1)"
    hot_killed
    # Suspended, saved and resumed in place by xl, its devices are still those that it had.
    check hot-checkpoint xl save -c g /dev/null
    [ "$failed" = 0 ] || guest_show g 60
    check_equal hot-after-checkpoint "$(ask 'dd if=/dev/xvdb bs=1M count=1 iflag=direct 2>/dev/null | sha256sum | cut -d" " -f1')" \
        "$(head -c 1M /tmp/hot.img | sha256sum | cut -d' ' -f1)"
    check_equal hot-kinds-after "$(back_of g vbd 51728 | cut -d/ -f6) $(back_of g vif 0 | cut -d/ -f6)" 'pvblk pvnet'
}

# Counters and rates: g's own disk, seen from outside, has read what g has read.
pavis_measures() {
    local id before after
    id=$(pavis domid g)
    pavis metrics >/tmp/metrics.1
    ask 'dd if=/dev/xvdb of=/dev/null bs=1M count=4 iflag=direct 2>/dev/null'
    pavis metrics >/tmp/metrics.2
    check_equal metrics-format "$(grep -Evc '^(# (HELP|TYPE) pavis_|pavis_[a-z_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? [0-9.]+$)' /tmp/metrics.2)" 0
    before=$(awk -v d="domid=\"$id\"" '/^pavis_disk_read_bytes_total/ && /51728/ && index($0, d) { print $2 }' /tmp/metrics.1)
    after=$(awk -v d="domid=\"$id\"" '/^pavis_disk_read_bytes_total/ && /51728/ && index($0, d) { print $2 }' /tmp/metrics.2)
    check_equal metrics-bytes $((after - before)) 4194304
    check metrics-kinds eval 'grep -q "^pavis_up{service=\"blkback\"} 1" /tmp/metrics.2 && grep -q ^pavis_xenstored_nodes /tmp/metrics.2 &&
        grep -q "^pavis_domain_vcpu_seconds_total{.*name=\"g\",vcpu=\"1\"}" /tmp/metrics.2 && grep -q "^pavis_network_sent_bytes_total{.*\"netback\"} [1-9]" /tmp/metrics.2'
    check top-batch eval 'pavis top -b -n 2 -d 1 | grep -c "^g " | grep -qx 2'
    check top-json eval 'pavis top --json -d 1 | grep -q "\"name\": \"g\""'
    check top-screen eval '(sleep 1; printf mq) | TERM=linux timeout 20 script -qec "pavis top" /dev/null | grep -aq "pavis top"'
    refused top-no-screen 'no terminal' pavis top
}

# Whoever attaches or detaches is killed at some call: the supervisor finishes what is half done.
hot_settled() { [ -z "$(xenstore-ls /libxl | grep half)" ] && [ "$(xenstore-list "/local/domain/$(xl domid g)/device/vbd" | wc -l)" = "$(pavis block-list g | grep -c ^5)" ]; }
# The next one would come too soon for Linux's blkfront.
hot_unseen() { wait_for 20 eval '[ "$(ask "ls /sys/bus/xen/devices | grep -c vbd-51744")" = 0 ]'; }
hot_killed() {
    local calls i bad=''
    pavis pause g
    check hot-paused-attach pavis block-attach g /tmp/disk2.img,raw,xvdc,w
    check hot-force pavis block-detach --force g xvdc
    pavis unpause g
    hot_unseen
    calls=$(calls_of pavis block-attach g /tmp/disk2.img,raw,xvdc,w)
    pavis block-detach g xvdc
    hot_unseen
    for i in 5 7 8; do
        /payload/kill_at $((calls * i / 9)) pavis block-attach g /tmp/disk2.img,raw,xvdc,w >/dev/null 2>&1
        wait_for 30 hot_settled || bad+=" $i"
        pavis block-detach g xvdc >/dev/null 2>&1
        hot_unseen
    done
    check_equal hot-killed "$bad" ''
    check_equal hot-killed-nothing "$(pavis block-list g | awk '{ print $1 }' | tr '\n' ' ')" 'Vdev 51712 51728 '
}
