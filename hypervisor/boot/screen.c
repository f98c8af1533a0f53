/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The screen, as dom0 is told of it: it goes on where the firmware and the loader left it.  Pure.
 */
#include "boot/bootinfo.h"
#include "lib/string.h"

#define FONT_HEIGHT 16      /* of the PC's text mode with 25 lines */
#define LFB_UNIT    KIB(64) /* what a frame buffer's size is counted in: VESA's */

/* boot_screen counts in 32 bits what the ABI has 16 for. */
static bool __boot_text fits(const struct boot_screen *s)
{
    return s->width <= UINT16_MAX && s->height <= UINT16_MAX && s->pitch <= UINT16_MAX;
}

size_t __boot_text boot_screen_for_dom0(const struct boot_screen *s, bool efi,
                                        struct dom0_vga_console_info *out)
{
    memset(out, 0, sizeof(*out));
    if (s->kind == SCREEN_NONE || !fits(s))
        return 0;
    if (s->kind == SCREEN_TEXT) {
        out->video_type = XEN_VGATYPE_TEXT_MODE_3;
        out->u.text_mode_3.font_height = FONT_HEIGHT;
        out->u.text_mode_3.cursor_y = (uint16_t)(s->height ? s->height - 1 : 0);
        out->u.text_mode_3.rows = (uint16_t)s->height;
        out->u.text_mode_3.columns = (uint16_t)s->width;
        return sizeof(*out);
    }
    out->video_type = efi ? XEN_VGATYPE_EFI_LFB : XEN_VGATYPE_VESA_LFB;
    out->u.vesa_lfb.width = (uint16_t)s->width;
    out->u.vesa_lfb.height = (uint16_t)s->height;
    out->u.vesa_lfb.bytes_per_line = (uint16_t)s->pitch;
    out->u.vesa_lfb.bits_per_pixel = s->bits_per_pixel;
    out->u.vesa_lfb.lfb_base = (uint32_t)s->address;
    out->u.vesa_lfb.ext_lfb_base = (uint32_t)(s->address >> 32);
    out->u.vesa_lfb.lfb_size = (uint32_t)DIV_UP((uint64_t)s->pitch * s->height, LFB_UNIT);
    out->u.vesa_lfb.red_pos = s->red_pos;
    out->u.vesa_lfb.red_size = s->red_size;
    out->u.vesa_lfb.green_pos = s->green_pos;
    out->u.vesa_lfb.green_size = s->green_size;
    out->u.vesa_lfb.blue_pos = s->blue_pos;
    out->u.vesa_lfb.blue_size = s->blue_size;
    return sizeof(*out);
}
