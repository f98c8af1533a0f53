/* SPDX-License-Identifier: MIT */
/* Machine-check interface (hypercall arch_0): sub-operation numbers only; all answer -ENOSYS. */
#pragma once

#define XEN_MCA_INTERFACE_VERSION 0x01ecc003

#define XEN_MC_fetch        1
#define XEN_MC_notifydomain 2
#define XEN_MC_physcpuinfo  3
#define XEN_MC_msrinject    4
#define XEN_MC_mceinject    5
#define XEN_MC_inject_v2    6
