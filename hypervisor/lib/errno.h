/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Error numbers: those of the ABI, since most of them reach a guest.
 */
#pragma once

#include "abi/errno.h"
