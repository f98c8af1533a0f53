/* SPDX-License-Identifier: GPL-2.0-only */
/* The page of stubs through which older kernels make hypercalls: see hypercall_page.c. */
#pragma once

/* Fills a page: stub n, at offset 32 * n, makes hypercall n. */
void hypercall_page_fill(void *page);
