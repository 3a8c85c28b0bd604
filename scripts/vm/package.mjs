// A node that is run by the Debian package: a machine with systemd, udev, cron and a bridge that has
// an IPv6 prefix, as a host with routed IPv6 has, and two versions of the package to be installed.
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import {
  fetchSystem,
  folder,
  note,
  putTests,
  putUnit,
  root,
  run,
  unpackSystem,
} from './machine.mjs';

/** What the package depends on and recommends, and what the machine itself needs. */
const PACKAGES = [
  ...['systemd-sysv', 'udev', 'kmod', 'busybox-static', 'procps'],
  ...['python3', 'python3-venv', 'libbpf1', 'libatomic1', 'libstdc++6'],
  ...['ca-certificates', 'iproute2', 'logrotate', 'cron'],
];
const UNIT_OF_TESTS = `[Unit]
Description=Tests
[Service]
Type=exec
ExecStart=/usr/local/bin/node /opt/vm/guest.js
KillMode=process
StandardError=append:/dev/ttyS0
[Install]
WantedBy=multi-user.target
`;
/** systemd-networkd makes the bridge, whose port is the machine's network interface. */
const NETWORK = {
  '10-br0.netdev': '[NetDev]\nName=br0\nKind=bridge\n',
  '20-port.network': '[Match]\nDriver=virtio_net\n[Network]\nBridge=br0\n',
  '30-br0.network': `[Match]
Name=br0
[Network]
Address=2001:db8:5a::1/48
Address=192.0.2.10/24
IPv6AcceptRA=no
`,
};
/** Emulated disks lose nothing when dpkg does not wait for them. */
const DPKG = 'force-unsafe-io\n';

/** The same package with a higher version, as the next release is. */
function makeNewerPackage(made) {
  const newer = join(folder, 'newer.deb');
  const unpacked = join(folder, 'newer');
  rmSync(unpacked, { recursive: true, force: true });
  run('dpkg-deb', ['-R', made, unpacked]);
  const control = join(unpacked, 'DEBIAN', 'control');
  const text = readFileSync(control, 'utf8').replace(/^(Version: .*)$/m, '$1+vm1');
  writeFileSync(control, text);
  run('dpkg-deb', ['--root-owner-group', '-Zzstd', '--build', unpacked, newer]);
  rmSync(unpacked, { recursive: true });
  return newer;
}

function findPackage() {
  const output = join(root, 'build', 'packages');
  const names = existsSync(output) ? readdirSync(output) : [];
  const name = names.find((each) => /^slapos-node_.*_amd64\.deb$/.test(each));
  if (name === undefined) throw new Error(`no package in ${output}`);
  return join(output, name);
}

function configureSystem(system, kernel) {
  const put = (path, text) => {
    mkdirSync(join(system, path, '..'), { recursive: true });
    writeFileSync(join(system, path), text);
  };
  for (const [name, text] of Object.entries(NETWORK)) put(`etc/systemd/network/${name}`, text);
  put('etc/dpkg/dpkg.cfg.d/vm', DPKG);
  put('etc/hostname', 'node-of-vm\n');
  put('etc/hosts', '127.0.0.1 localhost node-of-vm\n::1 localhost\n');
  cpSync(join(kernel, 'lib', 'modules'), join(system, 'lib', 'modules'), { recursive: true });
  const [release] = readdirSync(join(kernel, 'lib', 'modules'));
  run('chroot', [system, 'depmod', release]);
  const units = ['systemd-networkd.service', 'systemd-networkd-wait-online.service'];
  run('chroot', [system, 'systemctl', 'enable', ...units]);
  putUnit(system, 'vm-test', UNIT_OF_TESTS);
}

/** @returns the folder of a system to boot, and how large its disk is */
export async function makePackageSystem({ kernel, isAsMade, entry = 'package.ts' }) {
  if (!isAsMade) {
    note('making the package');
    run(process.execPath, [join(root, 'scripts', 'package-deb.mjs')]);
  }
  const made = findPackage();
  const system = unpackSystem(fetchSystem('system-package', PACKAGES));
  note('preparing the machine');
  await putTests(system, entry, 'opt/vm/guest.js');
  copyFileSync(made, join(system, 'root', 'slapos-node.deb'));
  copyFileSync(makeNewerPackage(made), join(system, 'root', 'newer.deb'));
  configureSystem(system, kernel);
  return { system, diskSize: '3G' };
}
