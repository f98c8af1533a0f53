/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The debug-key table.  Functions run where the key arrives: in the serial port's interrupt or in a
 * hypercall, one at a time.
 */
#include "console/keys.h"
#include "console/log.h"
#include "cpu/cpu_info.h"
#include "cpu/irq.h"
#include "cpu/machine.h"
#include "debug/panic.h"
#include "lib/spinlock.h"

#define FIRST_KEY ' '
#define LAST_KEY  '~'

static struct {
    key_fn fn;
    const char *help;
    bool in_dump;
} table[LAST_KEY - FIRST_KEY + 1];
static spinlock_t running;

void keys_register(char key, key_fn fn, const char *help, bool in_dump)
{
    BUG_ON(key < FIRST_KEY || key > LAST_KEY || table[key - FIRST_KEY].fn);
    table[key - FIRST_KEY].help = help;
    table[key - FIRST_KEY].in_dump = in_dump;
    table[key - FIRST_KEY].fn = fn;
}

void keys_handle(char key)
{
    uint64_t flags;
    key_fn fn;

    if (key < FIRST_KEY || key > LAST_KEY)
        return;
    fn = table[key - FIRST_KEY].fn;
    if (!fn) {
        printk("'%c' is no debug key; 'h' lists them\n", key);
        return;
    }
    flags = local_irq_save();
    if (spin_trylock(&running)) {
        printk("'%c' pressed -> %s\n", key, table[key - FIRST_KEY].help);
        fn(key);
        spin_unlock(&running);
    }
    local_irq_restore(flags);
}

static void key_help(char key)
{
    printk("Debug keys (also: xl debug-keys K):\n");
    for (unsigned int i = 0; i < ARRAY_SIZE(table); i++) {
        if (table[i].fn)
            printk(" key '%c' => %s%s\n", (char)(FIRST_KEY + i), table[i].help,
                   table[i].in_dump ? " (part of *)" : "");
    }
}

static void key_dump_all(char key)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(table); i++) {
        if (table[i].fn && table[i].in_dump) {
            printk("*** %s\n", table[i].help);
            table[i].fn((char)(FIRST_KEY + i));
        }
    }
}

static void key_restart(char key)
{
    machine_reboot();
}

static void key_interrupts(char key)
{
    for (unsigned int v = 32; v < 256; v++) {
        if (irq_count((uint8_t)v))
            printk(" vector %#04x: %lu\n", v, irq_count((uint8_t)v));
    }
}

static void key_backtrace(char key)
{
    show_backtrace(0, (uint64_t)__builtin_frame_address(0));
}

static void key_panic(char key)
{
    panic("Asked to, by debug key");
}

void keys_init(void)
{
    keys_register('h', key_help, "list the debug keys", false);
    keys_register('*', key_dump_all, "run every key that is part of the dump", false);
    keys_register('R', key_restart, "restart the machine", false);
    keys_register('C', key_panic, "panic", false);
    keys_register('i', key_interrupts, "how often each interrupt vector has arrived", true);
    keys_register('b', key_backtrace, "this CPU's stack", true);
}
