/* SPDX-License-Identifier: GPL-2.0-only */
/* Where entry.S finds the two fields of struct vcpu that it reads; pv/context.c proves them. */
#pragma once

#define VCPU_VCPU_INFO 8
#define VCPU_IN_KERNEL 16
