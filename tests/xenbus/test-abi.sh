#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: libxenstore.so.4 and its headers offer exactly what Debian's libxenstore4 and libxen-dev do
# TIMEOUT: 60
#
# Compares the names, types and versions of all dynamic symbols, the soname, the functions' prototypes, the
# structures' layouts and the constants; builds one program against both headers, links it to both shared
# libraries and to our static one, and runs it.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=build/root/usr
libdir=lib/x86_64-linux-gnu
theirs=/usr/$libdir/libxenstore.so.4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
passed=0
same() { # what file file
    if diff -u "$2" "$3"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAIL $1"; fi
}

for side in ours theirs; do
    lib=$theirs
    [ $side = theirs ] || lib=$root/$libdir/libxenstore.so.4
    nm -D --defined-only "$lib" | awk '{ print $2, $3 }' | sort >"$work/$side.symbols"
    readelf -d "$lib" | grep -o 'soname: .*' >"$work/$side.soname"
done
same symbols "$work/theirs.symbols" "$work/ours.symbols"
same soname "$work/theirs.soname" "$work/ours.soname"
[ "$(grep -c '^T xs_.*@@VERS_4.0$' "$work/ours.symbols")" = 37 ] || { failed=$((failed + 1)); echo "FAIL not 37"; }

# A header declares each function again for a program that already has the other's declaration: that compiles
# only if both agree.  Structures and constants are printed by a program built with each.
prototypes() { # compiler's view of a header, one declaration a line, names of parameters left out by gcc -aux-info
    printf '#include <xenstore.h>\n' >"$work/include.c"
    gcc -std=gnu11 "$@" -fsyntax-only -aux-info "$work/aux" "$work/include.c"
    sed -n 's,^/\* [^*]*\bxenstore\(_lib\)\?\.h:[^*]*\*/ ,,p' "$work/aux" | sort
}
prototypes "-I$root/include" >"$work/ours.prototypes"
prototypes >"$work/theirs.prototypes"
[ "$(grep -c 'xs_' "$work/theirs.prototypes")" = 37 ] || { failed=$((failed + 1)); echo "FAIL prototypes not found"; }
same prototypes "$work/theirs.prototypes" "$work/ours.prototypes"

cat >"$work/print.c" <<'END'
#include <stdio.h>
#include <xenstore.h>
#define SHOW(x) printf("%-24s %lu\n", #x, (unsigned long)(x))
int main(void)
{
    SHOW(sizeof(struct xs_permissions));
    SHOW(offsetof(struct xs_permissions, id));
    SHOW(offsetof(struct xs_permissions, perms));
    SHOW(sizeof(((struct xs_permissions *)0)->id));
    SHOW(sizeof(xs_transaction_t));
    SHOW(XBT_NULL);
    SHOW(XS_OPEN_READONLY), SHOW(XS_OPEN_SOCKETONLY), SHOW(XS_UNWATCH_FILTER);
    SHOW(XS_PERM_NONE), SHOW(XS_PERM_READ), SHOW(XS_PERM_WRITE), SHOW(XS_PERM_ENOENT_OK);
    SHOW(XS_PERM_OWNER), SHOW(XS_PERM_IGNORE);
    SHOW(XS_WATCH_PATH), SHOW(XS_WATCH_TOKEN);
    SHOW(XENSTORE_PAYLOAD_MAX), SHOW(XENSTORE_ABS_PATH_MAX), SHOW(XENSTORE_REL_PATH_MAX);
    SHOW(MAX_STRLEN(char)), SHOW(MAX_STRLEN(unsigned)), SHOW(MAX_STRLEN(unsigned long));
    struct xs_permissions perms[2];
    SHOW(xs_strings_to_perms(perms, 2, "b7\0n0x10"));
    SHOW(perms[0].id), SHOW(perms[0].perms), SHOW(perms[1].id), SHOW(perms[1].perms);
    SHOW(xs_path_is_subpath("/", "/a")), SHOW(xs_path_is_subpath("/a", "/a/"));
    puts(xs_daemon_socket());
    SHOW(xs_open(0) != NULL);
    SHOW(xs_suspend_evtchn_port(1) + 1);
    return 0;
}
END
export XENSTORED_RUNDIR=/nowhere
gcc -std=gnu11 -Wall -Wextra -Werror "$work/print.c" -o "$work/theirs" -lxenstore
"$work/theirs" >"$work/theirs.text"
build() { # name, gcc's arguments
    gcc -std=gnu11 -Wall -Wextra -Werror "-I$root/include" "$work/print.c" -o "$work/$1" "${@:2}"
    LD_LIBRARY_PATH=$root/$libdir "$work/$1" >"$work/$1.text"
    same "$1" "$work/theirs.text" "$work/$1.text"
}
build shared "-L$root/$libdir" -lxenstore
build static "$root/$libdir/libxenstore.a" -lpthread
# Debian's program on our library, and ours on Debian's.
LD_LIBRARY_PATH=$root/$libdir "$work/theirs" >"$work/crossed.text"
same theirs-on-ours "$work/theirs.text" "$work/crossed.text"
"$work/shared" >"$work/crossed.text"
same ours-on-theirs "$work/theirs.text" "$work/crossed.text"
# Without libxen-dev's headers, as on a machine that has only ours.
mkdir "$work/none" && cp "$root"/include/xenstore*.h "$work/none/"
sed -i 's,__has_include(<xen/io/xs_wire.h>),0,' "$work/none/xenstore_lib.h"
gcc -std=gnu11 -Wall -Wextra -Werror "-I$work/none" "$work/print.c" -o "$work/none/p" "-L$root/$libdir" -lxenstore
LD_LIBRARY_PATH=$root/$libdir "$work/none/p" >"$work/none.text"
same without-libxen-dev "$work/theirs.text" "$work/none.text"
for word in '^Name: ' '^Libs: .*-lxenstore' '^Version: 4.0$'; do
    grep -q "$word" "$root/$libdir/pkgconfig/xenstore.pc" || { failed=$((failed + 1)); echo "FAIL xenstore.pc: $word"; }
done
echo "DONE $passed passed $failed failed"
[ $failed = 0 ]
