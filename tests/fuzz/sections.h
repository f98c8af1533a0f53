/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Given to the compiler with -include, it puts all variables of the files under test into two
 * sections of their own, whose borders the linker knows: a fuzzer can then make the world new by
 * copying them back.
 */
#pragma once
#pragma clang section bss = "world_bss" data = "world_data"
