#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: a network back end killed under load 500 times answers each request once; frames come whole, in order, once
# TIMEOUT: 900
# LONG: 50 kills are in xenbus/netback-kill
exec "$(dirname "$0")/test-netback-kill.py" 500
