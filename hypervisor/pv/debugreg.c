/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Debug registers: see debugreg.h.
 *
 * What must hold: no breakpoint of a guest on an address of the hypervisor (XSA-444: a #DB inside
 * the entry code), no reserved bit of DR6 or DR7 (XSA-12: #GP in ring 0), no general-detect bit,
 * no I/O breakpoint, and no breakpoint of one vCPU left in the processor when another runs.
 */
#include "pv/debugreg.h"

#include "abi/errno.h"
#include "cpu/insn.h"
#include "debug/assert.h"
#include "domain/domain.h"
#include "hypercall/handlers.h"
#include "pv/pv.h"

/* Bits by the processor manuals (Intel SDM vol. 3, 17.2). */
#define DR6_ONES   0xffff0ff0UL
#define DR6_ZEROES 0xffffffff00001000UL
#define DR7_ONES   0x00000400UL
#define DR7_ZEROES 0xffffffff0000d800UL
#define DR7_ACTIVE 0x000000ffUL
#define DR7_GD     0x00002000UL

static bool is_loaded(const struct vcpu *v)
{
    return v == current;
}

static long set_address(struct vcpu *v, int reg, uint64_t value)
{
    if (!is_canonical(value) || (value >= HYPERVISOR_VIRT_START && value < HYPERVISOR_VIRT_END))
        return guest_error(-EPERM, "breakpoint on an address that is not the guest's");
    v->debugreg[reg] = value;
    if (!is_loaded(v))
        return 0;
    switch (reg) {
    case 0: write_dr0(value); break;
    case 1: write_dr1(value); break;
    case 2: write_dr2(value); break;
    case 3: write_dr3(value); break;
    }
    return 0;
}

static long set_control(struct vcpu *v, uint64_t value)
{
    if (value >> 32)
        return guest_error(-EINVAL, "DR7: the upper half is reserved");
    value = (value & ~DR7_ZEROES) | DR7_ONES;
    if (value & DR7_GD)
        return guest_error(-EPERM, "DR7.GD: accesses trap anyway");
    for (unsigned i = 16; i < 32; i += 4)
        if (((value >> i) & 3) == 2)
            return guest_error(-EPERM, "I/O breakpoints are not virtualised");
    if (is_loaded(v) && (value & DR7_ACTIVE) && !(v->debugreg[7] & DR7_ACTIVE)) {
        /* Addresses are loaded only while something is armed. */
        write_dr0(v->debugreg[0]);
        write_dr1(v->debugreg[1]);
        write_dr2(v->debugreg[2]);
        write_dr3(v->debugreg[3]);
    }
    v->debugreg[7] = value;
    if (is_loaded(v))
        write_dr7(value);
    return 0;
}

long debugreg_set(struct vcpu *v, int reg, uint64_t value)
{
    switch (reg) {
    case 0:
    case 1:
    case 2:
    case 3: return set_address(v, reg, value);
    case 4:
    case 6:
        if (value >> 32)
            return guest_error(-EINVAL, "DR6: the upper half is reserved");
        v->debugreg[6] = (value & ~DR6_ZEROES) | DR6_ONES;
        return 0;
    case 5:
    case 7: return set_control(v, value);
    default: return guest_error(-ENODEV, "no such debug register");
    }
}

void debugreg_set_all(struct vcpu *v, const uint64_t value[8])
{
    v->debugreg[7] = DR7_ONES;
    for (int i = 0; i < 8; i++)
        if (i != 4 && i != 5)
            debugreg_set(v, i, value[i]);
}

void debugreg_switch_out(struct vcpu *v)
{
    if (v->debugreg[7] & DR7_ACTIVE)
        write_dr7(DR7_ONES);
}

void debugreg_switch_in(struct vcpu *v)
{
    if (!(v->debugreg[7] & DR7_ACTIVE))
        return;
    write_dr0(v->debugreg[0]);
    write_dr1(v->debugreg[1]);
    write_dr2(v->debugreg[2]);
    write_dr3(v->debugreg[3]);
    write_dr6(DR6_ONES);
    write_dr7(v->debugreg[7]);
}

long do_set_debugreg(int reg, uint64_t value)
{
    return debugreg_set(current, reg, value);
}

long do_get_debugreg(int reg)
{
    if (reg < 0 || reg > 7)
        return guest_error(-ENODEV, "no such debug register");
    if (reg == 4 || reg == 5)
        reg += 2;
    return current->debugreg[reg];
}
