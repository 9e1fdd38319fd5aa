#!/bin/sh
# Compile one of the libraries that CPython's modules require, for musl, into the toolchain's own directories.
#   musl.sh <name> <tarball> <empty directory to build in>
# Runs in the root of musl.py. Shared libraries, as those of Alpine's packages, in whatever way each can be told to.
set -eu
name=$1 tarball=$2 build=$3
lib=/usr/lib/x86_64-linux-musl include=/usr/include/x86_64-linux-musl
export CC=cc CFLAGS='-O1 -fPIC'

cd "$build"
tar -xf "$tarball" --strip-components=1
set -- --prefix=/tmp/unused --libdir="$lib" --includedir="$include"
case $name in
  bzip2)
    make -f Makefile-libbz2_so CC="$CC" CFLAGS="$CFLAGS -D_FILE_OFFSET_BITS=64"
    cp bzlib.h "$include"
    cp libbz2.so.1.0.8 "$lib"
    for link in libbz2.so.1.0 libbz2.so; do ln -sf libbz2.so.1.0.8 "$lib/$link"; done ;;
  libffi)
    ./configure "$@" --disable-static --disable-docs --disable-multi-os-directory
    make
    make install ;;
  ncurses)  # terminals that a container has; a base image has no terminfo of its own
    ./configure "$@" --with-shared --without-normal --without-debug --without-ada --without-cxx --without-progs \
      --without-tests --without-manpages --enable-widec --enable-overwrite --enable-pc-files \
      --with-pkg-config-libdir="$lib/pkgconfig" --disable-database --with-fallbacks=xterm,linux
    make libs
    make install.libs install.includes
    sed -i "s|<${include##*/}/|<|" "$include"/*.h ;;  # as if its headers lay in a directory of their own
  openssl)
    ./Configure linux-x86_64 --prefix=/usr --libdir="${lib#/usr/}" --openssldir=/etc/ssl shared no-tests no-engine \
      no-afalgeng no-async no-comp no-idea no-camellia no-seed no-aria no-sm2 no-sm4 no-whirlpool no-rc2 no-rc4 no-cast \
      no-bf no-md4 no-mdc2 no-srp no-gost no-cms no-ts no-ct -O1
    make -j2 build_libs
    make install_dev DESTDIR=/tmp/installed
    cp -R /tmp/installed/usr/include/openssl "$include"
    cp -R "/tmp/installed$lib/." "$lib" ;;
  readline)
    ./configure "$@" --disable-static --disable-install-examples bash_cv_termcap_lib=libncursesw
    make shared SHLIB_LIBS=-lncursesw
    make install-shared install-headers ;;
  sqlite3)
    ./configure "$@" --disable-static --disable-tcl --disable-readline
    make libsqlite3.la
    cp -P .libs/libsqlite3.so* "$lib"
    cp sqlite3.h sqlite3ext.h "$include"
    cp sqlite3.pc "$lib/pkgconfig" ;;
  util-linux)
    ./configure "$@" --disable-static --disable-all-programs --enable-libuuid --without-ncurses --without-systemd
    make libuuid.la
    make install-usrlib_execLTLIBRARIES install-uuidincHEADERS ;;
  xz-utils)
    ./configure "$@" --disable-static --disable-xz --disable-xzdec --disable-lzmadec --disable-lzmainfo --disable-lzma-links \
      --disable-scripts --disable-doc --disable-nls
    make
    make install ;;
  zlib)
    CFLAGS="$CFLAGS" ./configure "$@"
    make
    make install-libs
    cp zlib.h zconf.h "$include" ;;
esac
