/* SPDX-License-Identifier: MIT */
/*
 * physdev_op: interrupts and PCI devices for the domain that drives the hardware.  A pirq is that
 * domain's number for one interrupt line or message.
 */
#pragma once

#include <stdint.h>

#include "abi/xen.h"

#define PHYSDEVOP_IRQ_UNMASK_NOTIFY  4
#define PHYSDEVOP_irq_status_query   5
#define PHYSDEVOP_set_iopl           6
#define PHYSDEVOP_set_iobitmap       7
#define PHYSDEVOP_apic_read          8
#define PHYSDEVOP_apic_write         9
#define PHYSDEVOP_alloc_irq_vector   10
#define PHYSDEVOP_free_irq_vector    11
#define PHYSDEVOP_eoi                12
#define PHYSDEVOP_map_pirq           13
#define PHYSDEVOP_unmap_pirq         14
#define PHYSDEVOP_manage_pci_add     15
#define PHYSDEVOP_manage_pci_remove  16
#define PHYSDEVOP_pirq_eoi_gmfn_v1   17
#define PHYSDEVOP_restore_msi        19
#define PHYSDEVOP_manage_pci_add_ext 20
#define PHYSDEVOP_setup_gsi          21
#define PHYSDEVOP_get_free_pirq      23
#define PHYSDEVOP_pci_mmcfg_reserved 24
#define PHYSDEVOP_pci_device_add     25
#define PHYSDEVOP_pci_device_remove  26
#define PHYSDEVOP_restore_msi_ext    27
#define PHYSDEVOP_pirq_eoi_gmfn_v2   28
#define PHYSDEVOP_dbgp_op            29
#define PHYSDEVOP_prepare_msix       30
#define PHYSDEVOP_release_msix       31

/* irq_status_query.flags */
#define XENIRQSTAT_needs_eoi (1U << 0) /* the guest must call eoi for the line to fire again */
#define XENIRQSTAT_shared    (1U << 1)

/* map_pirq.type */
#define MAP_PIRQ_TYPE_MSI       0x0
#define MAP_PIRQ_TYPE_GSI       0x1
#define MAP_PIRQ_TYPE_UNKNOWN   0x2
#define MAP_PIRQ_TYPE_MSI_SEG   0x3 /* the segment is in bits 31:16 of bus */
#define MAP_PIRQ_TYPE_MULTI_MSI 0x4

/* pci_device_add.flags */
#define XEN_PCI_DEV_EXTFN  0x1
#define XEN_PCI_DEV_VIRTFN 0x2 /* physfn is valid */
#define XEN_PCI_DEV_PXM    0x4 /* optarr[0] is valid */

#define XEN_PCI_MMCFG_RESERVED 0x1

#define PHYSDEVOP_DBGP_RESET_PREPARE 1
#define PHYSDEVOP_DBGP_RESET_DONE    2
#define PHYSDEVOP_DBGP_BUS_UNKNOWN   0
#define PHYSDEVOP_DBGP_BUS_PCI       1

struct physdev_eoi {
    uint32_t irq;
};

struct physdev_pirq_eoi_gmfn {
    xen_pfn_t gmfn; /* frame to become a bitmap: bit set = this pirq needs eoi */
};

struct physdev_irq_status_query {
    uint32_t irq;
    uint32_t flags; /* out */
};

struct physdev_set_iopl {
    uint32_t iopl;
};

struct physdev_set_iobitmap {
    guest_ptr_t bitmap; /* of bytes */
    uint32_t nr_ports;
};

struct physdev_apic {
    uint64_t apic_physbase;
    uint32_t reg;
    uint32_t value;
};

struct physdev_irq {
    uint32_t irq;
    uint32_t vector; /* out */
};

struct physdev_map_pirq {
    domid_t domid;
    int32_t type;
    int32_t index; /* GSI */
    int32_t pirq;  /* in: wish or -1; out */
    int32_t bus;   /* MSI: which function... */
    int32_t devfn;
    int32_t entry_nr;    /* ... which entry, or how many for MULTI_MSI */
    uint64_t table_base; /* MSI-X table, 0 for plain MSI */
};

struct physdev_unmap_pirq {
    domid_t domid;
    int32_t pirq;
};

struct physdev_manage_pci {
    uint8_t bus;
    uint8_t devfn;
};

struct physdev_manage_pci_ext {
    uint8_t bus;
    uint8_t devfn;
    uint32_t is_extfn;
    uint32_t is_virtfn;
    struct {
        uint8_t bus;
        uint8_t devfn;
    } physfn;
};

struct physdev_restore_msi {
    uint8_t bus;
    uint8_t devfn;
};

struct physdev_setup_gsi {
    int32_t gsi;
    uint8_t triggering; /* 0 edge, 1 level */
    uint8_t polarity;   /* 0 active high, 1 active low */
};

struct physdev_get_free_pirq {
    int32_t type;
    uint32_t pirq; /* out */
};

struct physdev_pci_mmcfg_reserved {
    uint64_t address;
    uint16_t segment;
    uint8_t start_bus;
    uint8_t end_bus;
    uint32_t flags;
};

struct physdev_pci_device {
    uint16_t seg;
    uint8_t bus;
    uint8_t devfn;
};

struct physdev_pci_device_add {
    uint16_t seg;
    uint8_t bus;
    uint8_t devfn;
    uint32_t flags;
    struct {
        uint8_t bus;
        uint8_t devfn;
    } physfn;
    uint32_t optarr[];
};

struct physdev_dbgp_op {
    uint8_t op;
    uint8_t bus;
    union {
        struct physdev_pci_device pci;
    } u;
};
