/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The log on a text screen, for machines without a serial port, until dom0 takes the screen.  No
 * cursor, no colours, no escape sequences: characters, new lines, scrolling.
 */
#include "console/vga.h"
#include "console/log.h"
#include "lib/string.h"
#include "hooks.h"

#define ATTRIBUTE    0x0700 /* light grey on black */
#define TEST_PATTERN 0x0755

static volatile uint16_t *screen;
static unsigned int nr_columns, nr_lines, column;

static void scroll(void)
{
    unsigned int last = (nr_lines - 1) * nr_columns;

    for (unsigned int i = 0; i < last; i++)
        screen[i] = screen[i + nr_columns];
    for (unsigned int i = last; i < last + nr_columns; i++)
        screen[i] = ATTRIBUTE | ' ';
    column = 0;
}

/* Under the log's lock.  Writing is always in the lowest line. */
static void output(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '\n' || column == nr_columns)
            scroll();
        if (s[i] >= ' ')
            screen[(nr_lines - 1) * nr_columns + column++] = (uint16_t)(ATTRIBUTE | (uint8_t)s[i]);
    }
}

bool vga_start(paddr_t p, unsigned int columns, unsigned int lines)
{
    screen = columns && lines ? ioremap(p, columns * lines * sizeof(*screen)) : NULL;
    if (!screen)
        return false;
    screen[0] = TEST_PATTERN;
    if (screen[0] != TEST_PATTERN)
        return false;
    nr_columns = columns;
    nr_lines = lines;
    scroll();
    log_extra_output = output;
    return true;
}

void vga_stop(void)
{
    log_extra_output = NULL;
}
