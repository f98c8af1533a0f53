#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: from UEFI on q35, GRUB's own entry starts Pavis and a full Debian, which reaches multi-user and works
# TIMEOUT: 600
# CPUS: 2
# LONG
. "$(dirname "$0")/lib.sh"
. "$top/tests/system/lib-image.sh"
new_disk vdb
run_image -b uefi -M q35 -n 2 -D "$work/vdb" "$(cached_deb libjudydebian1)" <<'END'
firmware=uefi cpus=2
. /payload/image-checks.sh
image_system
image_devices
image_toolstack
image_apt
image_update_grub
finish
END
conclude
