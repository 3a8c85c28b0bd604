#!/bin/sh
# Runs a command in private mount, network, pid, cgroup, uts and ipc namespaces: its own /etc, /srv,
# /run/slapos, /sys and loopback, so that users, links, mounts and processes of the host are never
# touched and everything vanishes with the command. Needs root. Exit 125 when that is refused.
#   scripts/in-namespace.sh COMMAND [ARG...]
set -eu
[ "$#" -gt 0 ] || { echo "usage: $0 COMMAND [ARG...]" >&2; exit 125; }
unshare --mount --net --pid --fork true 2>/dev/null || {
  echo "$0: this machine does not let us create namespaces" >&2
  exit 125
}
exec unshare --mount --net --pid --cgroup --uts --ipc --fork --mount-proc --kill-child \
  --propagation private sh -euc '
    private=$(mktemp -d /tmp/slapos-namespace.XXXXXX)
    mount -t tmpfs -o mode=0755 slapos-namespace "$private"
    cp -a /etc "$private/etc"
    mount --bind "$private/etc" /etc
    mount -t tmpfs -o mode=0755 slapos-srv /srv
    mount -t sysfs sysfs /sys 2>/dev/null || true
    if [ ! -c /dev/net/tun ]; then
      mkdir -p /dev/net && mknod /dev/net/tun c 10 200 2>/dev/null && chmod 0666 /dev/net/tun || true
    fi
    ip link set lo up 2>/dev/null || true
    SLAPOS_TEST_NAMESPACE=1; export SLAPOS_TEST_NAMESPACE
    exec "$@"' sh "$@"
