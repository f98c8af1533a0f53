/* SPDX-License-Identifier: GPL-2.0-only */
/* CMOS accesses: see rtc.h. */
#include "cpu/rtc.h"

#include "cpu/insn.h"
#include "lib/spinlock.h"

static spinlock_t lock;

uint8_t rtc_cmos_read(uint8_t index)
{
    uint64_t flags = spin_lock_irqsave(&lock);
    uint8_t val;

    outb(index, 0x70);
    val = inb(0x71);
    spin_unlock_irqrestore(&lock, flags);
    return val;
}

void rtc_cmos_write(uint8_t index, uint8_t val)
{
    uint64_t flags = spin_lock_irqsave(&lock);

    outb(index, 0x70);
    outb(val, 0x71);
    spin_unlock_irqrestore(&lock, flags);
}

uint64_t rtc_lock(void)
{
    return spin_lock_irqsave(&lock);
}

void rtc_unlock(uint64_t flags)
{
    spin_unlock_irqrestore(&lock, flags);
}
