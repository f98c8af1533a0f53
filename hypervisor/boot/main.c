/* SPDX-License-Identifier: GPL-2.0-only */
#include "console/log.h"
#include "console/uart.h"
#include "cpu/insn.h"
#include "lib/types.h"
uint32_t tsc_khz;
void boot_main(uint32_t magic, uint32_t info);
void __boot_text boot_main(uint32_t magic, uint32_t info)
{
    uart_init(&UART_COM1);
    log_set_thresholds(false, LOG_ALL, LOG_ALL);
    printk("Pavis is here %x %x %s\n", magic, info, "ok");
    for(;;) hlt();
}
