# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Whose programs a run uses in dom0: TOOLS=ours (default: what build/root has) or debian.  A file for dom0
# goes to $work, its name into tools_files; what dom0 must know goes to $work/env.sh as tools.
tools_files=()
new_tools() {
    local root=$top/build/root
    echo "tools=${TOOLS:=ours}" >>"$work/env.sh"
    case $TOOLS in
    debian) return ;;
    ours) ;;
    *) echo "TOOLS is ours or debian, not '$TOOLS'" >&2; return 2 ;;
    esac
    [ -x "$root/usr/sbin/xenstored" ] || { echo "there are no programs of ours in $root; run make" >&2; return 2; }
    # No folders: some of dom0's are links.
    (cd "$root" && find usr/bin usr/sbin usr/lib ! -type d ! -name '*.a' ! -name '*.pc' |
        cpio -o -H newc -R 0:0 --quiet) >"$work/ours.cpio"
    tools_files=("$work/ours.cpio")
}

# The tests of our programs themselves, on whichever hypervisor: system/tools-ours and tools-ours-xen.
run_tools_checks() {
    new_disk vda
    echo "kill_seed=${KILL_SEED:-1}" >>"$work/env.sh"
    run_dom0 -D "$work/vda" <<'END'
. /payload/guest-checks.sh
. /payload/tools-checks.sh
END
    conclude
}
