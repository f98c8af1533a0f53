#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: from UEFI on q35, GRUB's own entry starts Pavis and a full Debian, which reaches multi-user and works
# TIMEOUT: 700
# CPUS: 2
# LONG
. "$(dirname "$0")/lib.sh"
. "$top/tests/system/lib-image.sh"
image_works uefi -M q35
