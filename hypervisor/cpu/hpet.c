/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The HPET's main counter as a reference clock; its timers and interrupts are not used.  Registers:
 * IA-PC HPET specification 1.0a, 2.3.
 */
#include "cpu/hpet.h"
#include "cpu/acpi.h"
#include "hooks.h"

#define HPET_SIZE     1024
#define REG_PERIOD    0x004
#define REG_CONFIG    0x010
#define REG_COUNTER   0x0f0
#define CONFIG_ENABLE 1u
#define CONFIG_LEGACY 2u
#define FEMTO         1000000000000000UL
#define PERIOD_MAX    100000000u /* 100 ns: the specification's limit */
#define PERIOD_MIN    100000u    /* 10 GHz: nobody's */

static volatile uint8_t *regs;

static volatile uint32_t *reg(unsigned int offset)
{
    return (volatile uint32_t *)(regs + offset);
}

static uint64_t hpet_start(void)
{
    uint32_t period;

    if (!acpi_info.hpet_address)
        return 0;
    if (!regs)
        regs = ioremap(acpi_info.hpet_address, HPET_SIZE);
    if (!regs)
        return 0;
    period = *reg(REG_PERIOD);
    if (period < PERIOD_MIN || period > PERIOD_MAX)
        return 0;
    *reg(REG_CONFIG) = (*reg(REG_CONFIG) & ~CONFIG_LEGACY) | CONFIG_ENABLE;
    return FEMTO / period;
}

static uint64_t hpet_read(void)
{
    return *reg(REG_COUNTER);
}

/* 32 bits of it: one access, and they take minutes to wrap. */
const struct clock hpet_clock = {"hpet", 0xffffffff, hpet_start, hpet_read};
