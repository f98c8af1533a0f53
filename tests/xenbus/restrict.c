/* SPDX-License-Identifier: GPL-2.0-only */
/* A program that gives up its rights with libxentoolcore (as QEMU does) can no longer use the store
 * through handles that it had opened; handles that it had closed are forgotten.  Status 0 if so.
 */
#include <stdlib.h>
#include <xenstore.h>
#include <xentoolcore.h>

int main(void)
{
    struct xs_handle *closed = xs_open(0);
    struct xs_handle *h = xs_open(0);
    struct xs_handle *watching = xs_open(0);
    if (!closed || !h || !watching || !xs_watch(watching, "/", "t"))
        return 2;
    xs_close(closed);
    if (!xs_write(h, XBT_NULL, "/restricted", "1", 1) || xentoolcore_restrict_all(1) != 0)
        return 3;
    if (xs_write(h, XBT_NULL, "/restricted", "2", 1) || xs_read(h, XBT_NULL, "/restricted", NULL))
        return 4;
    if (xs_write(watching, XBT_NULL, "/restricted", "2", 1))
        return 5;
    xs_close(h);
    xs_close(watching);
    return 0;
}
