/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Channel 2 of the 8254 interval timer as a reference clock, running round through 16 bits with
 * its gate open and the loudspeaker off; channel 0 as a source of interrupts for the watchdog.
 * Intel 8254 data sheet.
 */
#include "cpu/pit.h"
#include "cpu/insn.h"

#define PIT_HZ         1193182
#define PORT_CHANNEL0  0x40
#define PORT_CHANNEL2  0x42
#define PORT_COMMAND   0x43
#define PORT_GATE      0x61
#define GATE_OPEN      0x01
#define SPEAKER        0x02
#define CHANNEL0_MODE0 0x30
#define CHANNEL0_MODE2 0x34
#define CHANNEL2_MODE2 0xb4 /* both bytes, rate generator: counts down, reloads */
#define LATCH_CHANNEL2 0x80
#define COUNTER_MASK   0xffff

static bool started;

static uint64_t pit_start(void)
{
    outb((uint8_t)((inb(PORT_GATE) & ~SPEAKER) | GATE_OPEN), PORT_GATE);
    outb(CHANNEL2_MODE2, PORT_COMMAND);
    outb(0, PORT_CHANNEL2); /* 0: 65536 */
    outb(0, PORT_CHANNEL2);
    started = true;
    return PIT_HZ;
}

static uint64_t pit_read(void)
{
    uint8_t low;

    outb(LATCH_CHANNEL2, PORT_COMMAND);
    low = inb(PORT_CHANNEL2);
    return -(uint64_t)(low | inb(PORT_CHANNEL2) << 8) & COUNTER_MASK;
}

void pit_start_interrupts(void)
{
    outb(CHANNEL0_MODE2, PORT_COMMAND);
    outb(0, PORT_CHANNEL0); /* 0: 65536 */
    outb(0, PORT_CHANNEL0);
}

void pit_stop_interrupts(void)
{
    outb(CHANNEL0_MODE0, PORT_COMMAND); /* waits for a count that does not come */
}

const struct clock pit_clock = {"pit", COUNTER_MASK, pit_start, pit_read};

void pit_delay_us(unsigned int us)
{
    uint64_t ticks = (uint64_t)us * PIT_HZ / 1000000 + 1;
    uint64_t passed = 0;
    uint64_t last, now;
    /* A machine without this timer must not hang here: no port is read faster than in 0.1 us. */
    uint64_t patience = (uint64_t)us * 10 + 1000;

    if (!started)
        pit_start();
    for (last = pit_read(); passed < ticks && patience; last = now, patience--) {
        now = pit_read();
        passed += (now - last) & COUNTER_MASK;
    }
}
