# Write down what of the stage matters to what is laid into it: an outline, which stands in for the stage (place.sh).
#
#   busybox sh outline.sh [--expose=<program> …] [<second path of an environment> …]
#
# It has the directories that things are laid into, as they are, with the symbolic links on the way; and the names that
# are taken: of programs python3.N and exposed ones on PATH, of environments and interpreters, and of second paths.
run=/dev/.dockerfile-pyenv
box=$run/busybox
out=$run/outline
set -e
umask 022

# Take over a directory, and all that leads there. Symbolic links lead on in the outline, never out of it.
take() {
  made='' rest=${1#/} links=0
  while [ -n "$rest" ]; do
    one=${rest%%/*}
    case $rest in
      */*) rest=${rest#*/} ;;
      *) rest='' ;;
    esac
    case $one in
      '' | .) continue ;;
      ..)
        made=${made%/*}
        continue ;;
    esac
    here=$made/$one
    if [ -L "$here" ]; then
      links=$((links + 1))
      if [ "$links" -gt 40 ]; then return 1; fi
      target=$("$box" readlink "$here")
      [ -L "$out$here" ] || "$box" ln -s "$target" "$out$here"
      rest=$target/$rest
      case $target in
        /*) made='' ;;
      esac
      continue
    fi
    if [ ! -d "$here" ]; then return 1; fi
    if [ ! -d "$out$here" ]; then
      "$box" mkdir "$out$here"
      "$box" chown "$("$box" stat -c %u:%g "$here")" "$out$here"
      "$box" chmod "$("$box" stat -c %a "$here")" "$out$here"
    fi
    made=$here
  done
}

# Write down that a name is taken in a directory.
taken() {
  if [ -e "$1/$2" ] || [ -L "$1/$2" ]; then
    if take "$1" && [ ! -e "$out$made/$2" ] && [ ! -L "$out$made/$2" ]; then : > "$out$made/$2"; fi
  fi
}

# Mount points of every step: where they are missing, the step that lays things into the outline would leave them behind.
"$box" mkdir "$out/dev" "$out/etc" "$out/proc" "$out/sys"
: > "$out/etc/hosts"
: > "$out/etc/resolv.conf"
# The time that place.sh gives it: there is nothing to change then.
"$box" touch -d @315532800 "$out/etc"

for directory in /opt/astro-pyenv/envs /opt/astro-pyenv/python; do
  if take "$directory"; then
    for one in "$directory"/* "$directory"/.[!.]*; do
      if [ -d "$one" ]; then "$box" mkdir -p "$out$made/${one##*/}"; fi
    done
  fi
done
take /usr/local/bin || true
IFS=:
for directory in /usr/local/bin $PATH; do
  case $directory in
    /*)
      for one in "$directory"/python3.*; do
        name=${one##*/}
        case ${name#python3.} in
          *[!0-9t]*) ;;
          *) taken "$directory" "$name" ;;
        esac
      done
      for argument; do
        case $argument in
          --expose=*) taken "$directory" "${argument#*=}" ;;
        esac
      done ;;
  esac
done
unset IFS
for link; do
  case $link in
    --*) continue ;;
  esac
  folder=${link%/*}
  taken "$folder" "${link##*/}"
  # The nearest directory that is there; a file on the way is taken, too.
  while [ -n "$folder" ] && ! take "$folder"; do
    taken "${folder%/*}" "${folder##*/}"
    folder=${folder%/*}
  done
done
