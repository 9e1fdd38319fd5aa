#!/bin/sh
# Enter a root filesystem in mount, pid and network namespaces that the caller made, and become a command there.
#   inside.sh <root> <source>:<target>… -- <command>…
# Waits for one line on its standard input first (the caller sets up the network meanwhile). The root itself stays
# read-only: what must be written is bound in or lies on a tmpfs. pivot_root, because `docker import` fails in a chroot.
set -eu
read -r _
root=$1
shift
mount --bind "$root" "$root"
while [ "$1" != -- ]; do
  source=${1%%:*} target=$root${1#*:}
  shift
  case $target in "$root"/run/* | "$root"/tmp/*) later="${later:-} $source:${target#"$root"}"; continue ;; esac
  if [ -d "$source" ]; then mkdir -p "$target"; else mkdir -p "${target%/*}"; [ -e "$target" ] || : > "$target"; fi
  mount --bind "$source" "$target"
done
shift
mount -o remount,bind,ro "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
[ ! -d /sys/fs/cgroup ] || mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup"
mount --rbind /dev "$root/dev"
for directory in run tmp mnt opt root etc/docker; do
  [ ! -d "$root/$directory" ] || mount -t tmpfs -o mode=0755 tmpfs "$root/$directory"
done
chmod 1777 "$root/tmp"
for bind in ${later:-}; do
  mkdir -p "$root${bind#*:}"
  mount --bind "${bind%%:*}" "$root${bind#*:}"
done
mkdir "$root/mnt/old"
cd "$root"
pivot_root . mnt/old
cd /
umount -l /mnt/old
exec "$@" < /dev/null
