#!/bin/sh
# Runs a command in private mount, network, pid, cgroup, uts and ipc namespaces: its own /etc, /srv,
# /tmp, /dev/shm, /sys and loopback, so that users, links, mounts and processes of the host are never
# touched and everything vanishes with the command. Needs root. Exit 125 when that is refused.
#   scripts/in-namespace.sh COMMAND [ARG...]
# The package is also mounted at /srv/slapos-node, where every user can reach it; SLAPOS_PACKAGE
# names that folder, and a command started in the package starts there.
set -eu
[ "$#" -gt 0 ] || { echo "usage: $0 COMMAND [ARG...]" >&2; exit 125; }
unshare --mount --net --pid --fork true 2>/dev/null || {
  echo "$0: this machine does not let us create namespaces" >&2
  exit 125
}
SLAPOS_ORIGIN=$(cd "$(dirname "$0")/.." && pwd)
SLAPOS_STARTED_IN=$PWD
export SLAPOS_ORIGIN SLAPOS_STARTED_IN
exec unshare --mount --net --pid --cgroup --uts --ipc --fork --mount-proc --kill-child \
  --propagation private sh -euc '
    cd "$SLAPOS_ORIGIN"
    if [ "${SLAPOS_TEST_NAMESPACE:-}" != 1 ]; then
      # The outermost one: those within it start from the same /etc, whatever was done to it here.
      mount -t tmpfs -o mode=0755 slapos-mnt /mnt
      cp -a /etc /mnt/etc
      mount -t tmpfs -o mode=1777 slapos-tmp /tmp
      [ ! -d /dev/shm ] || mount -t tmpfs -o mode=1777,nosuid,nodev slapos-shm /dev/shm
    fi
    mount -t tmpfs -o mode=0755 slapos-etc /srv
    cp -a /mnt/etc /srv/etc
    mount --bind /srv/etc /etc
    mkdir /srv/net
    if mknod -m 0666 /srv/net/tun c 10 200 2>/dev/null; then
      [ ! -d /dev/net ] || mount --bind /srv/net /dev/net
    fi
    mount -t tmpfs -o mode=0755 slapos-srv /srv
    mkdir /srv/slapos-node
    # By the folder that this shell stands in: inside another such namespace its path is covered.
    mount --no-canonicalize --bind . /srv/slapos-node
    mount -t sysfs sysfs /sys 2>/dev/null || true
    ip link set lo up 2>/dev/null || true
    SLAPOS_TEST_NAMESPACE=1 SLAPOS_PACKAGE=/srv/slapos-node
    export SLAPOS_TEST_NAMESPACE SLAPOS_PACKAGE
    if [ "$SLAPOS_STARTED_IN" = "$SLAPOS_ORIGIN" ]; then cd /srv/slapos-node
    else cd "$SLAPOS_STARTED_IN" 2>/dev/null || cd /srv/slapos-node; fi
    # No exec: this shell is process 1 of the namespace and reaps what daemons leave behind.
    "$@"' sh "$@"
