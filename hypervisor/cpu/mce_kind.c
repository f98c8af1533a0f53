/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The architectural part of a machine-check bank's error code (Intel SDM volume 3, 16.9; AMD's are
 * compatible as far as this goes).  Pure.
 */
#include "cpu/mce.h"

const char *mce_kind(uint16_t code)
{
    /* From the most particular pattern to the least: code & mask == value. */
    static const struct {
        uint16_t mask, value;
        const char *name;
    } kinds[] = {
        {0xffff, 0x0000, "no error"},
        {0xffff, 0x0001, "unclassified error"},
        {0xffff, 0x0002, "microcode ROM parity error"},
        {0xffff, 0x0003, "error signalled by another processor"},
        {0xffff, 0x0004, "redundancy check error"},
        {0xffff, 0x0005, "internal parity error"},
        {0xffff, 0x0400, "internal timer error"},
        {0xffff, 0x0e0b, "I/O error"},
        {0xfc00, 0x0400, "internal error"},
        {0xeffc, 0x000c, "cache error"},
        {0xeff0, 0x0010, "TLB error"},
        {0xef80, 0x0080, "memory controller error"},
        {0xef00, 0x0100, "cache hierarchy error"},
        {0xe800, 0x0800, "bus or interconnect error"},
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
        if ((code & kinds[i].mask) == kinds[i].value)
            return kinds[i].name;
    }
    return "error of a kind that only its maker knows";
}
