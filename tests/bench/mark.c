/* SPDX-License-Identifier: GPL-2.0-only */
/* mark start|end: the marks of guestbench.c for shell scripts, in dom0 and in a guest. */
#include <string.h>

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "start") == 0)
        __asm__ volatile("nopl 0x70a515f1(%%rax)" ::: "memory");
    else if (argc == 2 && strcmp(argv[1], "end") == 0)
        __asm__ volatile("nopl 0x70a515f2(%%rax)" ::: "memory");
    else
        return 2;
    return 0;
}
