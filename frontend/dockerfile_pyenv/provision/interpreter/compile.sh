#!/bin/sh
# Compile CPython from a release tarball into a prefix that needs nothing of the system but its libc.
#
#   /bin/sh compile.sh [--jobs=N] [--optimize] [--free-threaded] <tarball> <prefix>
#
# Second of three steps: builder.sh, compile.sh, finish --tree. Its root is builder.sh's output, read-only or not, with
# PATH of the builder image's config; no network. Mounts: this file, the tarball (.tar.xz, .tar.gz or .tgz; its directory
# does as well, with nothing else in it), a /tmp that is writable, and the step's output at <prefix>: best at the final
# one, /opt/astro-pyenv/python/<id>, which then stands in tracebacks. Without --jobs, as many as there are processors.
# --optimize is for configure's --enable-optimizations, and --with-lto where the compiler can. Installs nothing: a missing
# tool or header is an error that names it. OPT and SOURCE_DATE_EPOCH are taken from the environment; the same input
# gives the same bytes, but with --optimize, whose profile is measured.
#
# The result can be moved: the executable holds libpython and a DT_RPATH to its own lib directory, where the shared
# libraries it was linked against are laid beside it. DT_RPATH, not DT_RUNPATH, because only that is also searched for
# what extension modules need.
set -eu

usage() { echo "usage: $(sed -n '4s/^# *//p' "$0")" >&2; exit 2; }
fail() { echo "compile.sh: $*" >&2; exit 1; }
say() { echo "compile.sh: $*"; }

jobs=$(getconf _NPROCESSORS_ONLN 2> /dev/null || echo 1) optimize='' free=''
while [ $# -gt 0 ]; do
  case $1 in
    --jobs=*) jobs=${1#--jobs=} ;;
    --optimize) optimize=$1 ;;
    --free-threaded) free=$1 ;;
    -*) usage ;;
    *) break ;;
  esac
  shift
done
[ $# = 2 ] || usage
tarball=$1 prefix=$2 build=$2/.build
case $prefix in /*) ;; *) fail "the prefix must be an absolute path, not $prefix" ;; esac
[ -z "$(ls -A "$prefix" 2> /dev/null)" ] || fail "$prefix is not empty"
if [ -d "$tarball" ]; then
  set -- "$tarball"/*
  [ $# = 1 ] || fail "there is more than one file in $tarball: $*"
  tarball=$1
fi
[ -r "$tarball" ] || fail "cannot read $tarball"

case $tarball in
  *.xz) unpacker=xz ;;
  *.gz | *.tgz) unpacker=gzip ;;
  *) fail "$tarball is neither .tar.xz nor .tar.gz" ;;
esac
for tool in "${CC:-cc}" make pkg-config ldd strip tar "$unpacker"; do
  command -v "$tool" > /dev/null || fail "the builder has no '$tool'"
done

# What every environment expects to import, by the header that it is built from.
missing=
for header in openssl/ssl.h sqlite3.h ffi.h bzlib.h lzma.h zlib.h readline/readline.h uuid/uuid.h; do
  # shellcheck disable=SC2046  # pkg-config prints several words
  printf '#include <stdio.h>\n#include <%s>\n' "$header" | ${CC:-cc} $(pkg-config --cflags libffi 2> /dev/null) -E -o /dev/null - 2> /dev/null || missing="$missing $header"
done
[ -z "$missing" ] || fail "the builder lacks the headers of:$missing (install the -dev packages that hold them)"

say "unpacking $tarball"
mkdir -p "$build"
"$unpacker" -dc "$tarball" | tar -xf - -C "$build" --strip-components=1
cd "$build"
: "${SOURCE_DATE_EPOCH:=$(date -r configure +%s)}"
: "${OPT:=-DNDEBUG -fwrapv -O2 -Wall}"
export SOURCE_DATE_EPOCH OPT
unset PYTHONPATH PYTHONHOME

# Older releases warn of flags that they do not know.
set -- --prefix="$prefix" --without-ensurepip --without-static-libpython
[ -z "$free" ] || set -- "$@" --disable-gil
if [ -n "$optimize" ]; then
  set -- "$@" --enable-optimizations  # its profile runs the test suite
  echo 'int main(void) { return 0; }' > conftest.c
  if ${CC:-cc} -flto -o conftest conftest.c 2> /dev/null && ./conftest; then set -- "$@" --with-lto; fi
  rm -f conftest conftest.c
else
  set -- "$@" --disable-test-modules
fi
say "configuring with $*"
./configure -q "$@" > configure.log 2>&1 || { tail -40 configure.log >&2; fail "configure failed"; }

# Given to make alone, the run path stays out of sysconfig and so out of the extension modules that users compile.
linking="-Xlinker -export-dynamic -Wl,--disable-new-dtags -Wl,-rpath,'\$\$ORIGIN/../lib'"
say "compiling with $jobs jobs"
make -s -j"$jobs" LINKFORSHARED="$linking" > make.log 2>&1 || { tail -40 make.log >&2; fail "make failed"; }

# `make install` byte-compiles all of the library, tests included, three times; once, below, is enough.
rm -rf Lib/test Lib/idlelib Lib/turtledemo Lib/lib2to3/tests Lib/distutils/tests Lib/ctypes/test Lib/sqlite3/test \
  Lib/tkinter/test Lib/unittest/test
mv Lib/compileall.py compileall.py
: > Lib/compileall.py
say "installing"
make -s install LINKFORSHARED="$linking" > install.log 2>&1 || { tail -40 install.log >&2; fail "make install failed"; }
cd "$prefix/bin"
minor=$(echo python3.*[0-9])
if [ -n "$free" ]; then
  [ -x "${minor}t" ] || fail "this release has no free-threaded build"
  ln -sf "${minor}t" "$minor"
  minor=${minor}t
fi
cd "$build"
library=$prefix/lib/$minor
cp compileall.py "$library/compileall.py"
python=$prefix/bin/$minor
cd /

find "$prefix" \( -name '*.a' -o -name 'python.o' -o -name 'idle3*' \) -exec rm -rf {} +
find "$library" -name __pycache__ -prune -exec rm -rf {} +
rm -rf "$prefix/share" "$library"/lib-dynload/nis.*  # nis would bring in all of Kerberos
ln -sf "$minor" "$prefix/bin/python"

say "adding the shared libraries that are not libc's"
# musl's ldd fails for a module: the symbols of the interpreter are not in a library.
for object in "$python" "$library"/lib-dynload/*.so; do ldd "$object" 2> /dev/null || :; done | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' | sort -u |
  while read -r path; do
    case ${path##*/} in
      libc.* | libm.* | libpthread.* | libdl.* | librt.* | libutil.* | libresolv.* | libanl.* | libnsl.so.1 | ld-*) ;;
      *) cp -L "$path" "$prefix/lib/" && chmod 0755 "$prefix/lib/${path##*/}" ;;
    esac
  done
find "$prefix/lib" -maxdepth 1 -name 'lib*.so*' -type f -exec strip --strip-unneeded {} +
strip --strip-unneeded "$python" "$library"/lib-dynload/*.so

say "adding pip"
"$python" -I -m ensurepip > "$build/ensurepip.log" 2>&1 || { cat "$build/ensurepip.log" >&2; fail "ensurepip failed"; }
for script in "$prefix"/bin/*; do  # an absolute path in the first line would not survive a move
  [ ! -L "$script" ] || continue
  head -n 1 "$script" | grep -aq "^#!$prefix/bin/python" || continue
  {
    echo "#!/bin/sh"
    echo "'''exec' \"\$(dirname -- \"\$(realpath -- \"\$0\")\")/$minor\" \"\$0\" \"\$@\""
    echo "' '''"
    sed 1d "$script"
  } > "$build/script"
  cat "$build/script" > "$script"
done
[ -e "$prefix/bin/pip" ] || cp "$prefix/bin/pip3" "$prefix/bin/pip"
find "$library" -name __pycache__ -prune -exec rm -rf {} +
# Before 3.11 the order of a set's members enters the bytes; -I would ignore the variable.
PYTHONHASHSEED=0 "$python" -s -m compileall -q -f -j "$jobs" --invalidation-mode unchecked-hash "$library" > /dev/null ||
  say "some files of the library could not be byte-compiled"

say "checking"
"$python" -I - << 'END' || fail "the result is incomplete"
import importlib, sys
missing = []
for name in "ssl sqlite3 ctypes bz2 lzma zlib hashlib uuid _uuid readline curses venv pip".split():
    try:
        importlib.import_module(name)
    except ImportError as error:
        missing.append(f"{name} ({error})")
if missing:
    sys.exit("compile.sh: cannot import " + ", ".join(missing))
END
rm -rf "$build"
say "done: $("$python" -I -c 'import sys; print(sys.version)' | tr '\n' ' ')"
