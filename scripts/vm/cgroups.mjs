// The supervisor with every controller of cgroup v2, delegated by systemd, and a reboot.
import { chmodSync, copyFileSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fetchSystem, note, putTests, putUnit, root, run, unpackSystem } from './machine.mjs';

const PACKAGES = ['systemd-sysv', 'busybox-static', 'procps', 'libstdc++6', 'libatomic1'];
const UNIT_OF_SERVICES = `[Unit]
Description=SlapOS services
[Service]
Type=exec
ExecStart=/usr/local/bin/node /opt/slapos-node/dist/bin/slapos.js node supervisord --nodaemon --cfg /etc/opt/slapos/slapos.cfg
Delegate=yes
KillMode=mixed
LimitNOFILE=1048576
TasksMax=infinity
[Install]
WantedBy=multi-user.target
`;
const UNIT_OF_TESTS = `[Unit]
Description=Tests
After=slapos-services.service
[Service]
Type=exec
ExecStart=/usr/local/bin/node /opt/slapos-node/dist/bin/vm-guest.js
[Install]
WantedBy=multi-user.target
`;
const CONFIGURATION = `[slapos]
computer_id = COMP-1
master_url = http://127.0.0.1:1/
instance_root = /srv/slapgrid
software_root = /opt/slapgrid
service_profile = strict
cgroup_memory_max = 64M
cgroup_cpu_max = 0.5
pids_max = 20
`;

/** What lets systemd start the unit again beside services that outlived a crash. */
const RELEASE_CGROUP = 'scripts/package/debian/release-cgroup';

function installPackage(system) {
  const target = join(system, 'opt', 'slapos-node');
  const release = join('build', 'Release');
  mkdirSync(join(target, release), { recursive: true });
  mkdirSync(join(target, 'scripts/package/debian'), { recursive: true });
  cpSync(join(root, 'dist'), join(target, 'dist'), { recursive: true });
  for (const file of [
    'package.json',
    `${release}/slapos_native.node`,
    `${release}/slapos-supervisord`,
    RELEASE_CGROUP,
  ]) {
    copyFileSync(join(root, file), join(target, file));
  }
  chmodSync(join(target, RELEASE_CGROUP), 0o755);
}

function configureSystem(system) {
  const at = (...parts) => join(system, ...parts);
  for (const path of ['etc/opt/slapos', 'srv/slapgrid', 'opt/slapgrid', 'srv/open']) {
    mkdirSync(at(path), { recursive: true });
  }
  chmodSync(at('srv/open'), 0o1777);
  writeFileSync(at('etc/opt/slapos/slapos.cfg'), CONFIGURATION);
  const users = [0, 1].map(
    (n) => `slapuser${n}:x:${2000 + n}:${2000 + n}::/srv/slapgrid/slappart${n}:/bin/sh\n`,
  );
  writeFileSync(at('etc/passwd'), users.join(''), { flag: 'a' });
  putUnit(system, 'slapos-services', UNIT_OF_SERVICES);
  putUnit(system, 'vm-test', UNIT_OF_TESTS);
}

/** @returns the folder of a system to boot, and how large its disk is */
export async function makeCgroupsSystem() {
  note('building');
  for (const script of ['build-native.mjs', 'build.mjs']) {
    run(process.execPath, [join(root, 'scripts', script)]);
  }
  const system = unpackSystem(fetchSystem('system', PACKAGES));
  note('putting the build into it');
  installPackage(system);
  await putTests(system, 'guest.ts', 'opt/slapos-node/dist/bin/vm-guest.js');
  configureSystem(system);
  return { system, diskSize: '1500M' };
}
