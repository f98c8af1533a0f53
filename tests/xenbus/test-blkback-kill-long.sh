#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: a disk back end killed under load 500 times answers each request once and loses no acknowledged write
# TIMEOUT: 900
# LONG: 50 kills are in xenbus/blkback-kill; raw disks and overlays, small rings and large ones, 125 each
exec "$(dirname "$0")/test-blkback-kill.py" 125
