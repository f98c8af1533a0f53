#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Claims: the hypervisor's decompressors give byte for byte what the stock tools give, for each
# format, on generated files and on the Debian kernels in the cache, and refuse damaged files.
# Usage: unpack.sh UNPACK_STATIC WORKDIR
set -u
tool=$1
work=$2
cache=${PAVIS_CACHE:-$HOME/.cache/pavis}
passed=0
failed=0
mkdir -p "$work"

verdict() { # STATUS NAME
    if [ "$1" = 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAIL $2"; fi
}

# A compressible plain file that is no multiple of anything: the tool's own code, some times over.
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do cat "$tool"; done >"$work/plain"
printf 'odd' >>"$work/plain"
size=$(stat -c %s "$work/plain")
trailer=$(printf '%08x' "$size" | sed 's/\(..\)\(..\)\(..\)\(..\)/\\x\4\\x\3\\x\2\\x\1/')

# bzimage PAYLOAD OUTPUT: the smallest file that is a bzImage with that payload (protocol 2.15).
bzimage() {
    python3 - "$1" "$2" <<'PY'
import struct, sys
payload = open(sys.argv[1], "rb").read()
head = bytearray(1024)
head[0x1f1] = 1
head[0x202:0x206] = b"HdrS"
struct.pack_into("<H", head, 0x206, 0x20f)
struct.pack_into("<II", head, 0x248, 0, len(payload))
open(sys.argv[2], "wb").write(bytes(head) + payload)
PY
}

xz -c --check=crc32 --x86 --lzma2=dict=32MiB "$work/plain" >"$work/p.xz"
lz4 -lqc "$work/plain" >"$work/p.lz4"
zstd -qc --ultra -22 "$work/plain" >"$work/p.zstd"
gzip -nc "$work/plain" >"$work/p.gzip"
for f in xz lz4 zstd gzip; do
    cp "$work/p.$f" "$work/payload"
    [ $f = gzip ] || printf "$trailer" >>"$work/payload"
    bzimage "$work/payload" "$work/bz.$f"
    "$tool" "$work/bz.$f" >"$work/out" 2>"$work/log" && cmp -s "$work/out" "$work/plain"
    verdict $? "$f in a bzImage: $(cat "$work/log")"
    if [ $f != lz4 ]; then
        "$tool" "$work/p.$f" >"$work/out" 2>"$work/log" && cmp -s "$work/out" "$work/plain"
        verdict $? "$f alone: $(cat "$work/log")"
    fi
    head -c -1000 "$work/bz.$f" >"$work/cut"
    ! "$tool" "$work/cut" >/dev/null 2>"$work/log"
    verdict $? "$f cut off was accepted"
    # Another size at the end: the tool must notice that it is not what comes out.
    [ $f = gzip ] || { head -c -4 "$work/bz.$f"; printf '\x11\x11\x11\x01'; } >"$work/cut"
    ! "$tool" "$work/cut" >/dev/null 2>"$work/log"
    verdict $? "$f with a wrong size was accepted"
done
# XZ's default check is CRC64, whose code liblzma picks in a constructor.
xz -c "$work/plain" >"$work/p.crc64"
"$tool" "$work/p.crc64" >"$work/out" 2>"$work/log" && cmp -s "$work/out" "$work/plain"
verdict $? "xz with CRC64: $(cat "$work/log")"

for kernel in "$cache"/kernels/*/boot/vmlinuz-*; do
    [ -f "$kernel" ] || continue
    python3 - "$kernel" "$work/payload" <<'PY'
import struct, sys
d = open(sys.argv[1], "rb").read()
at, length = struct.unpack_from("<II", d, 0x248)
at += ((d[0x1f1] or 4) + 1) * 512
open(sys.argv[2], "wb").write(d[at:at + length - 4])
PY
    case $(head -c 2 "$work/payload" | od -An -tx1 | tr -d ' ') in
    fd37) xz -dc "$work/payload" >"$work/want" ;;
    0221) lz4 -dqc "$work/payload" >"$work/want" ;;
    28b5) zstd -dqc "$work/payload" >"$work/want" ;;
    *) continue ;;
    esac
    "$tool" "$kernel" >"$work/out" 2>"$work/log" && cmp -s "$work/out" "$work/want"
    verdict $? "$kernel: $(cat "$work/log")"
    echo "     $(basename "$kernel"): $(cat "$work/log")"
done

rm -f "$work"/{plain,out,want,payload,cut}
echo "unpack-check: $passed passed, $failed failed"
[ $failed = 0 ]
