# Lay what was made for a PYENV line into the image, or an interpreter: one layer, the same on every builder.
#
#   busybox sh place.sh [--path=<environment>] [--command=<interpreter's program>] [--expose=<program> …]
#     [--link=<second path> …] [--home-link=<second path below a home>]
#   busybox sh place.sh --interpreter=<prefix>
#
# The environment is in one of the mounts `apart` and `stage`, by its name; the interpreter is the mount `interpreter`.
# Everything laid here and every directory that changes by it gets one time. Nothing of the base runs: it may have no
# shell, and a program of the base could do anything with the image.
run=/dev/.dockerfile-pyenv
box=$run/busybox
# 1980-01-01: zip files know no earlier time, and the frontend's own files have the same.
time=@315532800
path='' command='' home_link='' interpreter=''
for argument; do
  case $argument in
    --path=*) path=${argument#*=} ;;
    --command=*) command=${argument#*=} ;;
    --home-link=*) home_link=${argument#*=} ;;
    --interpreter=*) interpreter=${argument#*=} ;;
  esac
done
title=${path:-$command}
if [ -n "$interpreter" ]; then title=python${interpreter##*/}; fi
set -ef
umask 022

above() { parent=${1%/*} parent=${parent:-/}; }

there() { [ -e "$1" ] || [ -L "$1" ]; }

say() { echo "${title##*/}: $1"; }

fail() {
  say "$1"
  exit 1
}

# Make a directory, and what is missing above it.
directory() {
  if [ -d "$1" ]; then return; fi
  if there "$1"; then
    fail "$1 in the image is a file, or a link to nothing, where a directory is required: remove it above this line"
  fi
  above "$1"
  directory "$parent"
  "$box" mkdir "$1"
}

# Give a directory the time, and those above it: a layer holds them all, with the times that they have.
settle() {
  directory=$("$box" readlink -f "$1")
  while [ -n "$directory" ]; do
    "$box" touch -d "$time" "$directory"
    directory=${directory%/*}
  done
}

# Make a directory like another one, and so on down to the packages. Print what else is in these: what is to be copied.
entries() {
  at=''
  while :; do
    "$box" mkdir "$2$at"
    "$box" chown "$("$box" stat -c %u:%g "$1$at")" "$2$at"
    "$box" chmod "$("$box" stat -c %a "$1$at")" "$2$at"
    case $at in
      '') next=lib ;;
      /lib) next=$("$box" find "$1$at" -mindepth 1 -maxdepth 1 -name 'python3.*' -type d | "$box" sort | "$box" head -n 1) ;;
      */python3.*/*) next='' ;;
      *) next=site-packages ;;
    esac
    next=${next##*/}
    if [ ! -d "$1$at/$next" ] || [ -L "$1$at/$next" ]; then next=''; fi
    "$box" find "$1$at" -mindepth 1 -maxdepth 1 ! -name "$next" -print0
    if [ -z "$next" ]; then break; fi
    at=$at/$next
  done
}

# Lay a directory into the image. Its files have the time already, which cp keeps, but not that of symbolic links.
#
# Entries are copied on all processors: most of the time goes into making one file after the other. A hard link between
# two entries becomes a file, in whatever order they come.
lay() {
  if [ -d "$2" ]; then
    "$box" cp -a "$1/." "$2/"
  else
    above "$2"
    directory "$parent"
    # Not a pipe: the shell would not see that its first part failed.
    entries "$1" "$2" > "$run/entries"
    "$box" xargs -0 -n 1 -P "$("$box" nproc)" \
      "$box" sh -c 'exec "$2" cp -a "$3" "$1${3#"$0"}"' "$1" "$2" "$box" < "$run/entries"
  fi
  "$box" find "$2" ! -type f -exec "$box" touch -h -d "$time" {} +
  settle "$2"
}

# Make a symbolic link, in a directory that is there.
symlink() {
  "$box" ln -s "$1" "$2"
  "$box" touch -h -d "$time" "$2"
  above "$2"
  settle "$parent"
}

if [ -n "$interpreter" ]; then
  lay "$run/interpreter" "$interpreter"
fi

if [ -n "$path" ]; then
  name=${path##*/}
  if there "$path"; then
    fail "$path is there already: choose another name for this environment"
  fi
  from=$run/apart/$name
  [ -d "$from" ] || from=$run/stage/$name
  lay "$from" "$path"
fi

# Link a program where PATH finds it; say so where the PATH of this image does not.
link_program() {
  directory /usr/local/bin
  symlink "$1" "/usr/local/bin/${1##*/}"
  case :$PATH: in
    *:/usr/local/bin:* | *:/usr/local/bin/:*) ;;
    *) say "${1##*/} is linked in /usr/local/bin, which is not on PATH in this image: add it with ENV PATH=/usr/local/bin:\$PATH" ;;
  esac
}

if [ -n "$command" ]; then
  name=${command##*/} found=''
  # What is on PATH stays first.
  IFS=:
  for one in /usr/local/bin $PATH; do
    if [ -n "$one" ] && there "$one/$name"; then found=1; fi
  done
  unset IFS
  if [ -z "$found" ]; then link_program "$command"; fi
fi

# Put a program of the environment on PATH. A name that is taken would hide one of the two.
expose() {
  if ! there "$path/bin/$1"; then
    fail "--expose=$1: the environment has no program of this name. Write the name of a file in $path/bin"
  fi
  IFS=:
  for one in /usr/local/bin $PATH; do
    if [ -n "$one" ] && there "$one/$1"; then
      fail "--expose=$1: the image already has $one/$1. Choose another program, or remove that one above this line"
    fi
  done
  unset IFS
  link_program "$path/bin/$1"
}

# Make a directory that belongs to the environment's owner, and what is missing above it.
own_directory() {
  if [ -d "$1" ]; then return; fi
  above "$1"
  own_directory "$parent"
  if there "$1"; then fail "--link: $1 in the image is not a directory. Choose another path"; fi
  "$box" mkdir "$1"
  "$box" chown "$owner" "$1"
}

# Link the environment from a second path.
second_path() {
  if there "$1"; then fail "--link=$1: the image already has $1. Choose another path"; fi
  above "$1"
  own_directory "$parent"
  symlink "$path" "$1"
  "$box" chown -h "$owner" "$1"
}

if [ -n "$path" ]; then owner=$("$box" stat -c %u:%g "$path"); fi
for argument; do
  case $argument in
    --expose=*) expose "${argument#*=}" ;;
    --link=*) second_path "${argument#*=}" ;;
  esac
done

if [ -n "$home_link" ] && ! there "$home_link"; then
  above "$home_link"
  folder=$parent
  above "$folder"
  # Nothing without a home.
  if [ -d "$parent" ]; then
    if [ ! -d "$folder" ]; then
      "$box" mkdir "$folder"
      "$box" chown "$owner" "$folder"
    fi
    symlink "$path" "$home_link"
    "$box" chown -h "$owner" "$home_link"
  fi
fi

# Docker's classic image store has it in every layer, since it mounts /etc/hosts where that may not be.
if [ -d /etc ]; then "$box" touch -d "$time" /etc; fi
