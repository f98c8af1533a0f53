/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lists the records of a file that `xl save` wrote, one line each: TYPE OFFSET LENGTH, so that a
 * test can change what it means to.  TYPE is libxc's number in hexadecimal, or `xl-` and libxl's;
 * the offset is that of the body.  Layout: xl's header, libxl's stream, and within it libxc's
 * (Xen 4.17, docs/specs/libx*).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define XL_LENGTH_AT     44 /* of what follows xl's header: the configuration */
#define XL_HEADER        48
#define LIBXL_HEADER     16
#define LIBXL_CONTEXT    1  /* libxc's stream follows */
#define LIBXC_HEADERS    40 /* of the image and of the domain */
#define RECORD_END       0
#define RECORD_ALIGNMENT 8

static FILE *file;
static long position;

static void get(void *to, size_t size)
{
    if (fseek(file, position, SEEK_SET) || fread(to, size, 1, file) != 1) {
        fprintf(stderr, "savefile: the file ends at %ld\n", position);
        exit(1);
    }
    position += (long)size;
}

static void records(const char *prefix)
{
    for (;;) {
        uint32_t head[2];

        get(head, sizeof(head));
        printf("%s%" PRIx32 " %ld %" PRIu32 "\n", prefix, head[0], position, head[1]);
        position += (head[1] + RECORD_ALIGNMENT - 1L) & -RECORD_ALIGNMENT;
        if (head[0] == RECORD_END)
            return;
        if (*prefix && head[0] == LIBXL_CONTEXT) {
            position += LIBXC_HEADERS;
            records("");
        }
    }
}

int main(int argc, char **argv)
{
    uint32_t length;

    if (argc != 2 || !(file = fopen(argv[1], "r"))) {
        fprintf(stderr, "usage: savefile FILE\n");
        return 2;
    }
    position = XL_LENGTH_AT;
    get(&length, sizeof(length));
    position = XL_HEADER + (long)length + LIBXL_HEADER;
    records("xl-");
    return 0;
}
