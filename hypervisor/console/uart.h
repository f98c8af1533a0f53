/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The serial console port: see uart.c.
 */
#pragma once

#include "lib/types.h"

struct uart_config {
    uint16_t port;     /* 0: none */
    uint32_t baud;     /* 0: leave as the firmware set it */
    uint8_t data_bits; /* 5 to 8 */
    char parity;       /* 'n', 'o', 'e', 'm', 's' */
    uint8_t stop_bits; /* 1 or 2 */
    uint8_t irq;       /* ISA interrupt; 0: input is polled by nobody */
};

#define UART_COM1                                                                                  \
    ((struct uart_config){.port = 0x3f8, .data_bits = 8, .parity = 'n', .stop_bits = 1, .irq = 4})
#define UART_COM2                                                                                  \
    ((struct uart_config){.port = 0x2f8, .data_bits = 8, .parity = 'n', .stop_bits = 1, .irq = 3})

/* Takes the port into use for output.  False when no 16550 answers there. */
bool uart_init(const struct uart_config *c);

/* The ISA interrupt of the console's port; 0: none. */
uint8_t uart_irq(void);

/* Polled; waits for the transmitter, but not for ever.  Serialised by the caller (console/log.c).
 */
void uart_write(const char *s, size_t n);

/* One received byte, or -1. */
int uart_getc(void);

/* Lets the port interrupt on received data. */
void uart_enable_rx_irq(void);
