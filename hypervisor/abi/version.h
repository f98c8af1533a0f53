/* SPDX-License-Identifier: MIT */
/*
 * xen_version: who the hypervisor is and what it can do.  Also what guests call to have pending
 * events looked at, so it must stay cheap.
 */
#pragma once

#include <stdint.h>

#include "abi/xen.h"

#define XENVER_version             0  /* no argument; major << 16 | minor in the result */
#define XENVER_extraversion        1  /* xen_extraversion_t */
#define XENVER_compile_info        2  /* struct xen_compile_info */
#define XENVER_capabilities        3  /* xen_capabilities_info_t */
#define XENVER_changeset           4  /* xen_changeset_info_t */
#define XENVER_platform_parameters 5  /* struct xen_platform_parameters */
#define XENVER_get_features        6  /* struct xen_feature_info */
#define XENVER_pagesize            7  /* no argument */
#define XENVER_guest_handle        8  /* xen_domain_handle_t: the caller's UUID */
#define XENVER_commandline         9  /* xen_commandline_t; privileged */
#define XENVER_build_id            10 /* struct xen_build_id; a null pointer asks for the length */

typedef char xen_extraversion_t[16];
typedef char xen_capabilities_info_t[1024];
typedef char xen_changeset_info_t[64];
typedef char xen_commandline_t[1024];
#define XEN_EXTRAVERSION_LEN      (sizeof(xen_extraversion_t))
#define XEN_CAPABILITIES_INFO_LEN (sizeof(xen_capabilities_info_t))
#define XEN_CHANGESET_INFO_LEN    (sizeof(xen_changeset_info_t))

struct xen_compile_info {
    char compiler[64];
    char compile_by[16];
    char compile_domain[32];
    char compile_date[32];
};

struct xen_platform_parameters {
    xen_ulong_t virt_start; /* HYPERVISOR_VIRT_START */
};

struct xen_feature_info {
    uint32_t submap_idx; /* in: 32 feature bits per submap */
    uint32_t submap;     /* out */
};

struct xen_build_id {
    uint32_t len; /* in: room in buf, bytes */
    unsigned char buf[];
};
