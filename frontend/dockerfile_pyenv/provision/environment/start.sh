# Start the interpreter of a PYENV line, or say why it cannot be started on this base image.
#
#   busybox sh start.sh <python> <argument>…
#
# A base may have no shell, and no libc that its new interpreter would start with: a static busybox of the tools runs this.
# Nothing but the shell's own commands is used. --name= and --version= among the arguments go into the messages.
python=$1 title='' version='' libc=gnu glibc=''
for argument; do
  case $argument in
    --name=*) title=${argument#*=} ;;
    --version=*) version=${argument#*=} ;;
  esac
done
title=${title:-python$version}

fail() { echo "$title: Python $version cannot start on this base image: $*"; exit 1; }

if words=$("$python" -I -S -c '' 2>&1); then exec "$@"; fi

# What the prefix says of itself (interpreter/finish).
summary=${python%/bin/*}/.pyenv-interpreter.json
if [ -r "$summary" ]; then
  while read -r line; do
    case $line in
      *'"libc": "musl"'*) libc=musl ;;
    esac
    case $line in
      *'"glibc": "'*) glibc=${line#*'"glibc": "'} glibc=${glibc%%'"'*} ;;
    esac
  done < "$summary"
fi

case $words in
  *GLIBC_*)
    fail "this build needs glibc ${glibc:-of a newer distribution}, and the base's is older." \
      "Take a newer base, a standalone interpreter (which needs glibc 2.17), or one made on an older distribution:" \
      "--builder= with --interpreter=source, another image with --interpreter=image:" ;;
  *'error while loading shared libraries: '*)
    library=${words#*'error while loading shared libraries: '}
    fail "it needs ${library%%:*}. Install the package that has it before this line, or choose another interpreter" ;;
  *'Error loading shared library '*)
    library=${words#*'Error loading shared library '}
    fail "it needs ${library%%:*}. Install the package that has it before this line, or choose another interpreter" ;;
esac
case $python in
  /*) [ -e "$python" ] || fail "there is no $python" ;;
  *)
    command -v "$python" > /dev/null ||
      fail "--interpreter=base asks for the base's own, and there is no $python on its PATH. Leave the flag out, or install it before this line" ;;
esac
case $words in
  *'not found'* | *'No such file'*)
    if [ "$libc" = musl ]; then
      fail "this build is for musl, and the base has another C library. Leave --libc=musl out"
    fi
    fail "this build is for glibc, and the base has another C library or none. Where that is musl, as in Alpine, write --libc=musl" ;;
  *'xec format error'*) fail "the engine cannot run programs of this platform: install QEMU's binfmt handlers on it" ;;
esac
fail "$words"
