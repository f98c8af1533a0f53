/* SPDX-License-Identifier: MIT */
/* nmi_op: the older way to register an NMI handler, and the reasons shown in arch_shared_info. */
#pragma once

#include <stdint.h>

#define XENNMI_register_callback   0
#define XENNMI_unregister_callback 1

#define XEN_NMIREASON_io_error (1UL << 0)
#define XEN_NMIREASON_pci_serr (1UL << 1)
#define XEN_NMIREASON_unknown  (1UL << 2)

struct xennmi_callback {
    uint64_t handler_address;
    uint64_t pad;
};
