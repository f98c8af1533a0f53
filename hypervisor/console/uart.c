/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The 16550 serial port, and nothing else: set-up, polled output, received bytes.
 *
 * Output is polled because it must work in a panic and before interrupts do.  A full FIFO's worth
 * is written per look at the status, so that an emulated port costs one exit per byte, not two.
 * Register numbers and bits: National Semiconductor PC16550D data sheet.
 */
#include "console/uart.h"
#include "cpu/insn.h"

enum uart_register {
    REG_DATA = 0, /* DLAB=0; with DLAB=1 the divisor's low byte */
    REG_IER = 1,  /* DLAB=0; with DLAB=1 the divisor's high byte */
    REG_FCR = 2,
    REG_LCR = 3,
    REG_MCR = 4,
    REG_LSR = 5,
    REG_SCRATCH = 7,
};

#define IER_RX         0x01
#define FCR_ENABLE     0x01
#define FCR_CLEAR      0x06
#define FCR_TRIGGER_14 0xc0
#define LCR_DLAB       0x80
#define MCR_DTR_RTS    0x03
#define MCR_OUT2       0x08 /* the PC's gate between the port and its interrupt line */
#define LSR_DATA       0x01
#define LSR_THR_EMPTY  0x20
#define FIFO_SIZE      16
#define BASE_BAUD      115200

/* At 9600 baud a FIFO drains in 17 ms; a port that takes longer is dead and is given up. */
#define TX_SPINS 1000000

static struct uart_config port;
static bool ready;

static uint8_t reg_read(enum uart_register r)
{
    return inb((uint16_t)(port.port + r));
}

static void reg_write(enum uart_register r, uint8_t v)
{
    outb(v, (uint16_t)(port.port + r));
}

static uint8_t line_control(void)
{
    uint8_t lcr = (uint8_t)(port.data_bits - 5);

    if (port.stop_bits == 2)
        lcr |= 0x04;
    switch (port.parity) {
    case 'o': return lcr | 0x08;
    case 'e': return lcr | 0x18;
    case 'm': return lcr | 0x28;
    case 's': return lcr | 0x38;
    default: return lcr;
    }
}

bool uart_init(const struct uart_config *c)
{
    uint16_t divisor;

    port = *c;
    ready = false;
    if (!port.port)
        return false;
    reg_write(REG_SCRATCH, 0x5a);
    if (reg_read(REG_SCRATCH) != 0x5a)
        return false;
    reg_write(REG_IER, 0);
    if (port.baud) {
        divisor = (uint16_t)max(BASE_BAUD / port.baud, 1U);
        reg_write(REG_LCR, LCR_DLAB);
        reg_write(REG_DATA, divisor & 0xff);
        reg_write(REG_IER, (uint8_t)(divisor >> 8));
    }
    reg_write(REG_LCR, line_control());
    reg_write(REG_FCR, FCR_ENABLE | FCR_CLEAR | FCR_TRIGGER_14);
    reg_write(REG_MCR, MCR_DTR_RTS | MCR_OUT2);
    ready = true;
    return true;
}

uint8_t uart_irq(void)
{
    return ready ? port.irq : 0;
}

static bool wait_for_transmitter(void)
{
    for (unsigned int i = 0; i < TX_SPINS; i++) {
        if (reg_read(REG_LSR) & LSR_THR_EMPTY)
            return true;
        cpu_relax();
    }
    return false;
}

void uart_write(const char *s, size_t n)
{
    unsigned int room = 0;

    if (!ready)
        return;
    for (size_t i = 0; i < n; i++) {
        /* A line feed goes out as two bytes, so two places must be free. */
        if (room < 2) {
            if (!wait_for_transmitter())
                return;
            room = FIFO_SIZE;
        }
        if (s[i] == '\n') {
            reg_write(REG_DATA, '\r');
            room--;
        }
        reg_write(REG_DATA, (uint8_t)s[i]);
        room--;
    }
}

int uart_getc(void)
{
    if (!ready || !(reg_read(REG_LSR) & LSR_DATA))
        return -1;
    return reg_read(REG_DATA);
}

void uart_enable_rx_irq(void)
{
    if (ready)
        reg_write(REG_IER, IER_RX);
}
