/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Console input has one owner at a time: dom0, or the hypervisor's debug keys.  Three times Ctrl-A
 * switches, as on Xen.
 */
#include "console/input.h"
#include "console/keys.h"
#include "console/log.h"
#include "console/uart.h"
#include "cpu/apic.h"
#include "cpu/ioapic.h"
#include "cpu/irq.h"
#include "hooks.h"

#define SWITCH_CHAR  '\001'
#define SWITCH_COUNT 3

static bool to_guest;
static unsigned int switch_seen;

void input_to_guest(bool guest)
{
    to_guest = guest;
    printk("*** Serial input to %s (type 'CTRL-a' three times to switch input)\n",
           guest ? "DOM0" : "Pavis");
}

void input_char(char c)
{
    if (c == SWITCH_CHAR) {
        if (++switch_seen == SWITCH_COUNT) {
            switch_seen = 0;
            input_to_guest(!to_guest);
        }
        return;
    }
    /* Fewer than three were meant for somebody. */
    for (; switch_seen; switch_seen--) {
        if (to_guest)
            guest_console_input(SWITCH_CHAR);
    }
    if (to_guest)
        guest_console_input(c);
    else
        keys_handle(c);
}

static void handle_uart(uint8_t vector)
{
    int c;

    apic_eoi();
    while ((c = uart_getc()) >= 0)
        input_char((char)c);
}

void input_init(void)
{
    bool level, active_low;
    uint32_t gsi;
    uint8_t vector;

    if (!uart_irq())
        return;
    gsi = ioapic_isa_gsi(uart_irq(), &level, &active_low);
    vector = irq_alloc_vector();
    irq_set_handler(vector, handle_uart);
    if (!vector || !ioapic_route(gsi, vector, 0, level, active_low, false)) {
        printk(XENLOG_WARNING "The console's interrupt line is not usable: no serial input\n");
        return;
    }
    uart_enable_rx_irq();
}
