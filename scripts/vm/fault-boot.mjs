// How the system of the scene `faults` is started: as a machine, or in namespaces of this one.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { folder } from './machine.mjs';

const NETWORK = `ip link set lo up
ip link add br0 type bridge
ip address add 2001:db8:5a::1/48 dev br0 nodad
ip link set br0 up
`;
const ENVIRONMENT =
  'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8';

/** The first program of the machine. */
export const FAULT_INIT = `#!/bin/sh
export ${ENVIRONMENT}
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t cgroup2 cgroup /sys/fs/cgroup
hostname node-of-vm
modprobe tun
modprobe bridge
${NETWORK}
# The kernel writes what is dirty within seconds, as on a machine with less memory.
echo 100 > /proc/sys/vm/dirty_writeback_centisecs
echo 300 > /proc/sys/vm/dirty_expire_centisecs
/usr/local/bin/node /run/vm/guest.js < /dev/null > /dev/ttyS0 2>&1
echo "the guest ended" > /dev/ttyS0
while :; do sleep 1000; done
`;

/** sh -c THIS sh SYSTEM ORDER */
const START = `set -e
mount --make-rprivate /
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount -t sysfs sys sys
mount -t tmpfs -o mode=0755 dev dev
mkdir dev/net dev/pts dev/shm
mknod -m 666 dev/null c 1 3
mknod -m 666 dev/zero c 1 5
mknod -m 666 dev/random c 1 8
mknod -m 666 dev/urandom c 1 9
mknod -m 666 dev/tty c 5 0
mknod -m 666 dev/net/tun c 10 200
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
# What follows is piped: a socket cannot be opened by its link.
ln -s /proc/self/fd/1 dev/ttyS0
mount -t tmpfs shm dev/shm
mount -t tmpfs run run
# Another boot, as far as anybody can tell.
cp proc/sys/kernel/random/uuid dev/boot_id
mount --bind dev/boot_id proc/sys/kernel/random/boot_id
cp -r "$2" run/vm
${NETWORK}
chroot . /usr/bin/env -i ${ENVIRONMENT} /usr/local/bin/node /run/vm/guest.js < /dev/null | cat
`;

/** Arguments for unshare(1), to start a system without a machine. */
export function inNamespaces(system, guest, order) {
  const place = join(folder, 'order');
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place);
  writeFileSync(join(place, 'order.json'), JSON.stringify(order));
  writeFileSync(join(place, 'guest.js'), guest);
  const kinds = ['--mount', '--net', '--pid', '--fork', '--kill-child'];
  return [...kinds, 'sh', '-c', START, 'sh', system, place];
}
