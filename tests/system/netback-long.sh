#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: connections live through 50 kills of the network back end under load
# TIMEOUT: 900
# LONG: five kills are in system/netback
kills=50
. "$(dirname "$0")/netback.sh"
