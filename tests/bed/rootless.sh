#!/bin/sh
# Become Docker's own script for engines without root, which starts dockerd in user and network namespaces.
#   rootless.sh <uid> <directory of that user> <argument of dockerd>…
# Runs in namespaces that inside.sh has made, where this user exists.
set -eu
uid=$1 home=$2
shift 2
# slirp4netns, the network of such an engine, opens the device as this user. The machine's own may be root's alone.
mknod -m 666 /run/tun c 10 200
mount --bind /run/tun /dev/net/tun
exec setpriv --reuid="$uid" --regid="$uid" --clear-groups \
  env HOME="$home" XDG_RUNTIME_DIR="$home" sh /usr/share/docker.io/contrib/dockerd-rootless.sh "$@"
