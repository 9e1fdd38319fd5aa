# Start the interpreter of a PYENV line, or say why it cannot start on this base image.
#
#   busybox sh start.sh <python> <argument>…
#
# A base image may have no shell, and not the C library that the interpreter requires: a static busybox of the tools runs
# this, with nothing but the shell's built-in commands. Messages use --name= and --version= of the arguments, or for
# --step=ask what its JSON has for the first line.
python=$1 step='' title='' version='' libc=gnu glibc=''
for argument; do
  case $argument in
    --step=*) step=${step:-${argument#*=}} ;;
    --name=*) title=${argument#*=} ;;
    --version=*) version=${argument#*=} ;;
    '['*'"name":'*'"version":'*)
      if [ "$step" = ask ]; then
        title=${argument#*'"name":'} title=${title#*'"'} title=${title%%'"'*}
        version=${argument#*'"version":'} version=${version#*'"'} version=${version%%'"'*}
      fi ;;
  esac
done
title=${title:-python$version}

# Installed apart from the stage already: nothing to do, unless the stage has to have libraries for it.
apart=${0%/*}/../apart
if [ -d "$apart" ] && [ ! -e "$apart/.in-stage" ]; then
  case $step in
    build) exit 0 ;;
    stage) [ -e "$apart/.libraries" ] || exit 0 ;;
  esac
fi

where='on this base image'
if [ "$step" = build ]; then where='in the builder'; fi
fail() { echo "$title: Python $version cannot start $where: $*"; exit 1; }

if words=$("$python" -I -S -c '' 2>&1); then exec "$@"; fi

if [ "$step" = install ]; then
  # Apart from the stage there is little more than a C library. In the stage it may start, or there is a good message.
  line_break='
'
  reason="Python $version does not start outside of it: ${words%%"$line_break"*}"
  environments=${PYENV_ENVIRONMENTS:-/opt/astro-pyenv/envs}
  [ -d "$environments" ] || "${0%/*}/../busybox" mkdir -p "$environments"
  echo "$reason" > "$environments/.in-stage"
  echo "$title: installing in the build stage: $reason"
  exit 0
fi

# Summary of the prefix (interpreter/finish).
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
    fail "this build requires glibc ${glibc:-of a newer distribution}, but the base image has an older one." \
      "Use a newer base image, a standalone interpreter (glibc 2.17 or newer), or one built on an older distribution:" \
      "--builder= with --interpreter=source, or another image with --interpreter=image:" ;;
  *'error while loading shared libraries: '*)
    library=${words#*'error while loading shared libraries: '}
    fail "it requires ${library%%:*}. Install the package that has it above this line, or choose another interpreter" ;;
  *'Error loading shared library '*)
    library=${words#*'Error loading shared library '}
    fail "it requires ${library%%:*}. Install the package that has it above this line, or choose another interpreter" ;;
esac
case $python in
  /*) [ -e "$python" ] || fail "$python does not exist" ;;
  *)
    command -v "$python" > /dev/null ||
      fail "--interpreter=base uses the base image's own, but $python is not on its PATH. Install it above this line, or remove the flag" ;;
esac
case $words in
  *'not found'* | *'No such file'*)
    if [ "$step" = build ]; then
      if [ "$libc" = gnu ]; then libc=glibc; fi
      fail "this build is for $libc, as the base image is. Choose a --builder with $libc"
    fi
    if [ "$libc" = musl ]; then
      fail "this build is for musl, but the base image has another C library. Remove --libc=musl"
    fi
    fail "this build is for glibc, but the base image has another C library or none. For musl, as in Alpine, add --libc=musl" ;;
  *'xec format error'*) fail "the engine cannot run programs for this platform. Install QEMU's binfmt handlers on it" ;;
esac
fail "$words"
