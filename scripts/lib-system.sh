# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the scripts that install a Debian into a file share (disk-image, guest-image): the packages of
# $group and all that they depend on, from the cache.  Sourced behind lib-apt.sh with $work.

# "?essential" is apt's pattern; state=null makes apt resolve for an empty system, not for this one.
install=(-o Dir::State::status=/dev/null -o Debug::NoLocking=1 -y --no-install-recommends)

resolve() { # the file names of all packages, sorted
    mkdir -p "$work/empty/partial"
    # shellcheck disable=SC2046 # words
    apt-get "${apt_options[@]}" "${install[@]}" -o "Dir::Cache::archives=$work/empty" --print-uris \
        install '?essential' apt $(listed "$group") | awk '{ print $2 }' | sort
}
download() {
    echo "$kind: downloading what is missing of $(wc -l <"$work/manifest") packages" >&2
    # shellcheck disable=SC2046 # words
    apt-get "${apt_options[@]}" "${install[@]}" -o "Dir::Cache::archives=$cache/debs" --download-only \
        install '?essential' apt $(listed "$group") >&2
}

# A repository of exactly these files, with the archive's own index entries, so that their checksums are
# the ones that the archive signed.
repository() { # directory
    local file name version all=()
    mkdir "$1"
    while read -r file; do
        name=${file%%_*} version=${file#*_} version=${version%_*}
        all+=("$name=${version//%3a/:}")
        cp "$cache/debs/$file" "$1/"
    done <"$work/manifest"
    apt-cache "${apt_options[@]}" -o Dir::State::status=/dev/null show "${all[@]}" | awk '
        /^Package: / { package = $2 } /^Version: / { version = $2; gsub(":", "%3a", version) }
        /^Architecture: / { arch = $2 }
        /^Filename: / { print "Filename: ./" package "_" version "_" arch ".deb"; next } { print }' \
        >"$1/Packages"
    {
        echo "Codename: bookworm"
        echo "Architectures: amd64"
        echo "SHA256:"
        echo " $(sha256sum "$1/Packages" | cut -d' ' -f1) $(stat -c %s "$1/Packages") Packages"
    } >"$1/Release"
}

# debootstrapped TAR VARIANT OPTION...: the system, from $work/repository.  Without root, mmdebstrap works as another
# user: what it reads has to be readable by everybody.  force-unsafe-io: no fsync after each file; the option is for
# this installation only.
debootstrapped() {
    local tar=$1 variant=$2 list
    shift 2
    list=$(listed "$group" | paste -sd,)
    chmod 755 "$work"
    chmod -R go+rX "$work/repository"
    mmdebstrap --variant="$variant" --architectures=amd64 --include="$list" \
        --dpkgopt=force-unsafe-io --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr "$@" \
        --customize-hook='rm "$1"/etc/dpkg/dpkg.cfg.d/99mmdebstrap' \
        bookworm "$tar" "deb [trusted=yes] copy:$work/repository ./" >"$work/install.log" 2>&1 || {
        tail -n 20 "$work/install.log" >&2
        die "the system could not be installed"
    }
}

# As root the files get their owners; otherwise fakeroot remembers them for mke2fs.
file_system() { # tar file offset-MiB size-MiB label
    local as_root=()
    [ "$(id -u)" = 0 ] || as_root=(fakeroot)
    mkdir "$work/root"
    "${as_root[@]}" bash -euc 'tar -C "$1" -xf "$2"
        mke2fs -q -F -t ext4 -L "$6" -E "offset=$4" -d "$1" "$3" "$5"' \
        - "$work/root" "$1" "$2" $(($3 << 20)) "$4M" "$5"
}
