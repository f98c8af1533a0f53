#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: a disk back end killed under load 750 times answers each request once and loses no acknowledged write
# TIMEOUT: 900
# LONG: 75 kills are in xenbus/blkback-kill; raw disks, overlays and an NBD server's, small rings and large, 125 each
exec "$(dirname "$0")/test-blkback-kill.py" 125
