/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For files that execute privileged instructions and are nevertheless wanted in a host test: given
 * to the compiler with -include, it turns the few that they use into functions of the test.
 */
#pragma once

#include "cpu/insn.h"

uint64_t fake_rdmsr(uint32_t msr);
void fake_wrmsr(uint32_t msr, uint64_t v);
uint64_t fake_rdtsc(void);

#define rdmsr(msr)    fake_rdmsr(msr)
#define wrmsr(msr, v) fake_wrmsr(msr, v)
#define outb(v, port) ((void)0)
#define rdtsc()       fake_rdtsc()
