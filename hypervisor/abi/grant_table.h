/* SPDX-License-Identifier: MIT */
/*
 * grant_table_op: memory that one domain lends to another.  Version 1 only: set_version refuses 2,
 * so the structures of version 2 (sub-page and transitive grants, status frames) are left out.
 */
#pragma once

#include <stdint.h>

#include "abi/xen.h"

#define GNTTABOP_map_grant_ref     0
#define GNTTABOP_unmap_grant_ref   1
#define GNTTABOP_setup_table       2
#define GNTTABOP_dump_table        3
#define GNTTABOP_transfer          4
#define GNTTABOP_copy              5
#define GNTTABOP_query_size        6
#define GNTTABOP_unmap_and_replace 7
#define GNTTABOP_set_version       8
#define GNTTABOP_get_status_frames 9
#define GNTTABOP_get_version       10
#define GNTTABOP_swap_grant_ref    11
#define GNTTABOP_cache_flush       12

/* Status codes: each operation has its own, in its `status` field. */
#define GNTST_okay              (0)
#define GNTST_general_error     (-1)
#define GNTST_bad_domain        (-2)
#define GNTST_bad_gntref        (-3)
#define GNTST_bad_handle        (-4)
#define GNTST_bad_virt_addr     (-5)
#define GNTST_bad_dev_addr      (-6)
#define GNTST_no_device_space   (-7)
#define GNTST_permission_denied (-8)
#define GNTST_bad_page          (-9)
#define GNTST_bad_copy_arg      (-10)
#define GNTST_address_too_big   (-11)
#define GNTST_eagain            (-12)
#define GNTST_no_space          (-13)

/* grant_entry_v1.flags.  The granter writes the type last, after domid and frame. */
#define GTF_invalid            (0U << 0)
#define GTF_permit_access      (1U << 0)
#define GTF_accept_transfer    (2U << 0)
#define GTF_transitive         (3U << 0)
#define GTF_type_mask          (3U << 0)
#define GTF_readonly           (1U << 2)
#define GTF_reading            (1U << 3) /* set by the hypervisor while mapped or copied from */
#define GTF_writing            (1U << 4) /* likewise, writable */
#define GTF_PWT                (1U << 5)
#define GTF_PCD                (1U << 6)
#define GTF_PAT                (1U << 7)
#define GTF_sub_page           (1U << 8)
#define GTF_transfer_committed (1U << 2) /* these two in accept_transfer entries */
#define GTF_transfer_completed (1U << 3)

#define GNTTAB_NR_RESERVED_ENTRIES 8
#define GNTTAB_RESERVED_CONSOLE    0
#define GNTTAB_RESERVED_XENSTORE   1

/* map_grant_ref.flags */
#define GNTMAP_device_map       (1 << 0)
#define GNTMAP_host_map         (1 << 1)
#define GNTMAP_readonly         (1 << 2)
#define GNTMAP_application_map  (1 << 3) /* user mode may access the mapping */
#define GNTMAP_contains_pte     (1 << 4) /* host_addr is the machine address of an L1 entry */
#define GNTMAP_guest_avail_mask ((uint32_t)~0 << 16)

/* gnttab_copy.flags */
#define GNTCOPY_source_gref (1 << 0)
#define GNTCOPY_dest_gref   (1 << 1)

typedef uint32_t grant_ref_t;    /* index into the granter's table */
typedef uint32_t grant_handle_t; /* the mapper's name for a mapping */

/* One entry of the shared table, 512 to a frame. */
struct grant_entry_v1 {
    uint16_t flags;
    domid_t domid;  /* who may use it */
    uint32_t frame; /* PFN; for PV guests an MFN */
};

struct gnttab_map_grant_ref {
    uint64_t host_addr; /* virtual address, or see GNTMAP_contains_pte */
    uint32_t flags;
    grant_ref_t ref;
    domid_t dom;
    int16_t status;        /* out */
    grant_handle_t handle; /* out */
    uint64_t dev_bus_addr; /* out: machine address of the frame */
};

struct gnttab_unmap_grant_ref {
    uint64_t host_addr; /* 0: leave the host mapping */
    uint64_t dev_bus_addr;
    grant_handle_t handle;
    int16_t status;
};

struct gnttab_setup_table {
    domid_t dom;
    uint32_t nr_frames;
    int16_t status;
    guest_ptr_t frame_list; /* of xen_pfn_t: MFNs of the table */
};

struct gnttab_dump_table {
    domid_t dom;
    int16_t status;
};

struct gnttab_transfer {
    xen_pfn_t mfn;
    domid_t domid;
    grant_ref_t ref;
    int16_t status;
};

struct gnttab_copy_ptr {
    union {
        grant_ref_t ref;
        xen_pfn_t gmfn;
    } u;
    domid_t domid;
    uint16_t offset;
};

struct gnttab_copy {
    struct gnttab_copy_ptr source;
    struct gnttab_copy_ptr dest;
    uint16_t len;   /* bytes; neither side may cross its page */
    uint16_t flags; /* GNTCOPY_* */
    int16_t status;
};

struct gnttab_query_size {
    domid_t dom;
    uint32_t nr_frames;     /* out: now */
    uint32_t max_nr_frames; /* out: limit */
    int16_t status;
};

struct gnttab_unmap_and_replace {
    uint64_t host_addr;
    uint64_t new_addr; /* its entry moves to host_addr */
    grant_handle_t handle;
    int16_t status;
};

struct gnttab_set_version {
    uint32_t version; /* in: wanted; out: what is in force */
};

struct gnttab_get_status_frames {
    uint32_t nr_frames;
    domid_t dom;
    int16_t status;
    guest_ptr_t frame_list;
};

struct gnttab_get_version {
    domid_t dom;
    uint16_t pad;
    uint32_t version;
};

struct gnttab_swap_grant_ref {
    grant_ref_t ref_a;
    grant_ref_t ref_b;
    int16_t status;
};
