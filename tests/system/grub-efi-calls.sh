#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: a tiny PV kernel, started by GRUB under UEFI, gets every EFI runtime call right, and every wrong one refused
# TIMEOUT: 90
. "$(dirname "$0")/lib.sh"
console=$LOG_DIR/$test_name.console.log
"$top/scripts/grub-medium" "$work/medium" "${HV:-$top/build/pavis-hv.gz}" "console=com1 com1=115200 dom0_mem=64M,max:64M" \
    "$top/build/guests/efi.elf" uefi
cp /usr/share/OVMF/OVMF_VARS_4M.fd "$work/vars.fd"
status=0
timeout --foreground -k 5 "$limit" qemu-system-x86_64 -M q35 -accel tcg -cpu "max$([ "${XEN:-}" != 1 ] || echo ',-smap,-monitor')" \
    -m 512 -display none -vga none -nodefaults -no-reboot -serial stdio \
    -drive if=pflash,format=raw,unit=0,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd \
    -drive "if=pflash,format=raw,unit=1,file=$work/vars.fd" -drive "file=$work/medium,format=raw,if=virtio" \
    </dev/null 2>&1 | tr -d '\r' | "$top/scripts/stamp" >"$console" || status=${PIPESTATUS[0]}
judge "$status"
conclude
