# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the scripts that take packages from the Debian archive share.  Sourced by them with $here, the
# folder of scripts/packages, and $cache, where downloads are kept.

die() { echo "$(basename "$0"): $*" >&2; exit 1; }

listed() { # groups: the packages of those groups in scripts/packages, each once
    sed 's/#.*//' "$here/packages" | awk -v g="^($1)\$" '$1 ~ g { print $2 }' | sort -u
}

# One builder at a time; the others wait and then find the result.
cache_lock() {
    exec 9>"$cache/.lock"
    flock -w 900 9 || die "another process has held $cache/.lock for 15 minutes"
}

# apt on the system's package lists, or on lists of our own where the system has none or old ones.
apt_options=(-qq)
[ "$(id -u)" != 0 ] || apt_options+=(-o APT::Sandbox::User=root)
own_lists() {
    mkdir -p "$cache/apt/lists/partial" "$cache/apt/archives/partial"
    apt_options+=(-o "Dir::State::Lists=$cache/apt/lists" -o "Dir::Cache=$cache/apt")
    echo "$(basename "$0"): fetching the archive's package lists" >&2
    apt-get "${apt_options[@]}" update >&2
}
