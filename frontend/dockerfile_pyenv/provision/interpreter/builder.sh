#!/bin/sh
# Ensure that a builder has what compiling CPython requires: compiler, tools, and the headers of its libraries.
#
#   /bin/sh /pyenv/provision/interpreter/builder.sh
#
# First of three steps: builder.sh, compile.sh, finish --tree. Its root is the builder's image, as root, with PATH of the
# image's config and the network; this file is mounted at its path. Its output is the root file system. Installs with the
# image's package manager what is missing; an image that has everything needs no package manager and no network.
set -u

fail() { echo "builder.sh: $*" >&2; exit 1; }
say() { echo "builder.sh: $*"; }

# By package manager: required packages, then those for optional modules (dbm.gnu, compression.zstd).
apt='gcc libc6-dev make pkg-config binutils xz-utils libbz2-dev libffi-dev liblzma-dev libncurses-dev libreadline-dev
  libsqlite3-dev libssl-dev uuid-dev zlib1g-dev'
apt_more='libgdbm-dev libzstd-dev'
rpm='gcc glibc-devel make pkgconf-pkg-config binutils tar gzip xz findutils bzip2-devel libffi-devel xz-devel ncurses-devel
  readline-devel sqlite-devel openssl-devel libuuid-devel zlib-devel'
rpm_more='gdbm-devel libzstd-devel'
apk='gcc musl-dev linux-headers make pkgconf binutils tar xz bzip2-dev libffi-dev xz-dev ncurses-dev readline-dev sqlite-dev
  openssl-dev util-linux-dev zlib-dev'
apk_more='gdbm-dev zstd-dev'

has() { command -v "$1" > /dev/null; }

missing() {
  for tool in "${CC:-cc}" make pkg-config ldd strip tar gzip xz find sed; do
    has "$tool" || printf ' %s' "$tool"
  done
  has "${CC:-cc}" || return 0
  for header in stdio.h openssl/ssl.h sqlite3.h ffi.h bzlib.h lzma.h zlib.h readline/readline.h ncurses.h uuid/uuid.h; do
    # shellcheck disable=SC2046  # pkg-config prints several words
    printf '#include <stdio.h>\n#include <%s>\n' "$header" |
      ${CC:-cc} $(pkg-config --cflags libffi ncursesw 2> /dev/null) -E -o /dev/null - 2> /dev/null || printf ' %s' "$header"
  done
}

install_apt() {
  export DEBIAN_FRONTEND=noninteractive
  # When the support of a suite ends, its security updates are removed first: the remaining lists are enough.
  apt-get update -qq || say 'cannot download all package lists: continuing with the others'
  apt-get install -qq --no-install-recommends "$@" > /dev/null
}

lacking=$(missing)
[ -n "$lacking" ] || { say "this builder has everything"; exit 0; }
say "this builder lacks:$lacking"
# shellcheck disable=SC2086  # lists of words
if has apt-get; then
  install_apt $apt $apt_more || install_apt $apt
elif has apk; then
  apk add --no-cache --quiet $apk $apk_more || apk add --no-cache --quiet $apk
else
  for manager in dnf microdnf yum; do
    has "$manager" || continue
    options='-y --nodocs --setopt=install_weak_deps=0'
    [ "$manager" != yum ] || options=-y
    "$manager" install $options $rpm $rpm_more || "$manager" install $options $rpm
    break
  done
fi || say "the package manager failed: see above"

lacking=$(missing)
[ -z "$lacking" ] || fail "this builder still lacks:$lacking. Choose another image with --builder=: one that has them, or one of a suite that is still available"
