/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory for the hypervisor's own objects: whole pages, and small objects by size class.
 *
 * All of it is zeroed.  None of it can be mapped by a guest (I3) unless frame_share() says so.
 */
#pragma once

#include "lib/types.h"

/* Largest object that shares a page with others. */
#define HV_SMALL_MAX 2016

void *hv_alloc_page(void); /* NULL: no memory, as all below */
void hv_free_page(void *p);
void *hv_alloc_pages(unsigned order); /* aligned to its size */
void hv_free_pages(void *p, unsigned order);
/* Aligned to 16 bytes (a page and more: to a page). */
void *hv_zalloc(size_t size);
void hv_free(void *p); /* NULL is fine */
