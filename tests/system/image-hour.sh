#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: over an hour a full Debian dom0's clocks go as the host's, its timers are exact, and 1,000 balloon steps return all
# TIMEOUT: 4500
# CPUS: 2
# LONG
. "$(dirname "$0")/lib.sh"
. "$top/tests/system/lib-image.sh"
# IMAGE_MINUTES and IMAGE_STEPS: less for a first look.
printf 'image_minutes=%s\nimage_steps=%s\n' "${IMAGE_MINUTES:-60}" "${IMAGE_STEPS:-1000}" >>"$work/env.sh"
run_image -n 2 -x 'dom0_mem=1024M,max:1024M' <<'END'
. /payload/image-long.sh
image_settled
balloon_steps "$image_steps" &
steps=$!
hour_of_clocks "$image_minutes"
wait $steps
tail -n +1 /root/balloon.results
passed=$((passed + $(grep -c ' ok$' /root/balloon.results)))
failed=$((failed + $(grep -c ' FAIL' /root/balloon.results)))
check no-kernel-warning eval '! dmesg | grep -E "WARNING: |BUG: |Call Trace"'
finish
END
conclude
