#!/usr/bin/env node
// Tests on another kernel, in a virtual machine: Debian's cloud kernel under emulation (KVM is not
// needed), systemd, every controller of cgroup v2, a reboot. The host is left as it was: the kernel
// is unpacked, not installed, and everything lies in build/vm.
//   npm run test:vm [-- --fresh]    --fresh makes kernel and root file system anew
// Needs root, qemu-system-x86_64, mmdebstrap, dpkg-deb, mke2fs; where one is missing it says so and
// skips. Not part of `npm test`.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, 'build', 'vm');
const LIMIT_MS = 8 * 60_000;
const PACKAGES = ['systemd-sysv', 'busybox-static', 'procps', 'libstdc++6', 'libatomic1'];
/** In the order of what needs what; ext4 is part of the kernel. */
const MODULES = [
  'virtio_ring',
  'virtio',
  'virtio_pci_modern_dev',
  'virtio_pci_legacy_dev',
  'virtio_pci',
  'virtio_blk',
];

function skip(reason) {
  process.stdout.write(`vm lane: skipped, ${reason}\n\nvm: 0 passed, 0 failed, 1 skipped\n`);
  process.exit(0);
}

function requireTools() {
  if (process.getuid() !== 0) skip('it needs root to make a root file system');
  if (process.arch !== 'x64') skip('it emulates x86-64 with the node of this machine');
  const tools = ['qemu-system-x86_64', 'mmdebstrap', 'dpkg-deb', 'mke2fs', 'apt-get'];
  const missing = tools.filter((tool) => spawnSync('which', [tool]).status !== 0);
  if (missing.length > 0) {
    skip(`${missing.join(', ')} missing: apt-get install qemu-system-x86 mmdebstrap e2fsprogs`);
  }
}

function run(command, args, options = {}) {
  return execFileSync(command, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
  });
}

function note(text) {
  const seconds = (performance.now() / 1000).toFixed(0).padStart(4);
  process.stdout.write(`${seconds} s  ${text}\n`);
}

/** Unpacks the kernel that `linux-image-cloud-amd64` stands for. */
function fetchKernel() {
  const kernel = join(folder, 'kernel');
  if (existsSync(join(kernel, 'boot'))) return kernel;
  note('fetching the kernel');
  const depends = run('apt-cache', ['depends', 'linux-image-cloud-amd64']);
  const name = /Depends: (linux-image-[\w.-]+)/.exec(depends)?.[1];
  if (name === undefined) skip('apt knows no linux-image-cloud-amd64');
  const options = ['-o', 'APT::Sandbox::User=root'];
  run('apt-get', [...options, 'download', name], { cwd: folder });
  const file = readdirSync(folder).find((each) => each.startsWith(`${name}_`));
  run('dpkg-deb', ['-x', join(folder, file), kernel]);
  rmSync(join(folder, file));
  return kernel;
}

function makeSystem() {
  const archive = join(folder, 'system.tar');
  if (existsSync(archive)) return archive;
  note('making the root file system');
  const suite = /^VERSION_CODENAME=(\w+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  const include = `--include=${PACKAGES.join(',')}`;
  run('mmdebstrap', [
    '--variant=minbase',
    include,
    suite ?? 'bookworm',
    `${archive}.part`,
    '--format=tar',
  ]);
  run('mv', [`${archive}.part`, archive]);
  return archive;
}

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

async function installPackage(system) {
  const target = join(system, 'opt', 'slapos-node');
  const release = join('build', 'Release');
  mkdirSync(join(target, release), { recursive: true });
  cpSync(join(root, 'dist'), join(target, 'dist'), { recursive: true });
  for (const file of [
    'package.json',
    `${release}/slapos_native.node`,
    `${release}/slapos-supervisord`,
  ]) {
    copyFileSync(join(root, file), join(target, file));
  }
  copyFileSync(process.execPath, join(system, 'usr', 'local', 'bin', 'node'));
  await build({
    entryPoints: [join(root, 'test', 'vm', 'guest.ts')],
    outfile: join(target, 'dist', 'bin', 'vm-guest.js'),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    logLevel: 'error',
  });
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
  for (const [name, text] of [
    ['slapos-services', UNIT_OF_SERVICES],
    ['vm-test', UNIT_OF_TESTS],
  ]) {
    const file = `etc/systemd/system/${name}.service`;
    writeFileSync(at(file), text);
    mkdirSync(at('etc/systemd/system/multi-user.target.wants'), { recursive: true });
    symlinkSync(`/${file}`, at(`etc/systemd/system/multi-user.target.wants/${name}.service`));
  }
}

async function makeDisk(archive) {
  note('installing the package');
  const system = join(folder, 'system');
  rmSync(system, { recursive: true, force: true });
  mkdirSync(system);
  run('tar', ['-xf', archive, '-C', system]);
  await installPackage(system);
  configureSystem(system);
  const disk = join(folder, 'disk.img');
  rmSync(disk, { force: true });
  run('mke2fs', ['-q', '-t', 'ext4', '-d', system, disk, '1500M']);
  return { disk, busybox: join(system, 'bin', 'busybox'), system };
}

/** A first system that loads the driver of the disk and starts what is on it. */
function makeInitrd(kernel, busybox) {
  const initrd = join(folder, 'initrd');
  rmSync(initrd, { recursive: true, force: true });
  for (const name of ['bin', 'dev', 'proc', 'root'])
    mkdirSync(join(initrd, name), { recursive: true });
  copyFileSync(busybox, join(initrd, 'bin', 'busybox'));
  const modules = run('find', [join(kernel, 'lib', 'modules'), '-name', '*.ko']).split('\n');
  for (const name of MODULES) {
    const file = modules.find((path) => path.endsWith(`/${name}.ko`));
    if (file !== undefined) copyFileSync(file, join(initrd, `${name}.ko`));
  }
  const script = `#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
for name in ${MODULES.join(' ')}; do [ ! -e /$name.ko ] || /bin/busybox insmod /$name.ko; done
for n in 1 2 3 4 5 6 7 8 9; do [ -e /dev/vda ] || /bin/busybox sleep 0.5; done
/bin/busybox mount -t ext4 /dev/vda /root
exec /bin/busybox switch_root /root /lib/systemd/systemd
`;
  writeFileSync(join(initrd, 'init'), script, { mode: 0o755 });
  const file = join(folder, 'initrd.cpio');
  const pack = 'find . | "$2" cpio -o -H newc > "$1"';
  run('sh', ['-c', pack, 'sh', file, busybox], { cwd: initrd });
  return file;
}

function boot(kernel, disk, initrd) {
  const image = readdirSync(join(kernel, 'boot')).find((name) => name.startsWith('vmlinuz'));
  const words = 'console=ttyS0 root=/dev/vda rw quiet systemd.show_status=false panic=-1';
  return spawn(
    'qemu-system-x86_64',
    [
      ...['-machine', 'q35,accel=tcg', '-cpu', 'max', '-smp', '2', '-m', '1024'],
      ...['-kernel', join(kernel, 'boot', image), '-initrd', initrd, '-append', words],
      ...['-drive', `file=${disk},if=virtio,format=raw,cache=unsafe`],
      ...['-display', 'none', '-serial', 'stdio', '-monitor', 'none', '-nic', 'none'],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
}

/** Prints what the tests say and counts it. */
async function follow(machine) {
  const total = { ok: 0, 'not ok': 0 };
  const timer = setTimeout(() => machine.kill('SIGKILL'), LIMIT_MS);
  let text = '';
  let rest = '';
  const consoleLog = join(folder, 'console.log');
  rmSync(consoleLog, { force: true });
  machine.stdout.setEncoding('utf8');
  for await (const chunk of machine.stdout) {
    text += chunk;
    appendFileSync(consoleLog, chunk);
    const lines = (rest + chunk).split(/\r?\n/);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const kind = /^(ok|not ok) /.exec(line)?.[1];
      if (kind !== undefined) total[kind] += 1;
      if (kind !== undefined || /^(kernel|rebooting|finished)/.test(line)) note(line);
    }
  }
  clearTimeout(timer);
  const isComplete = /^finished/m.test(text);
  if (!isComplete) note(`the machine did not finish; its console is ${consoleLog}`);
  return { passed: total.ok, failed: total['not ok'] + (isComplete ? 0 : 1) };
}

requireTools();
if (process.argv.includes('--fresh')) rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
for (const script of ['build-native.mjs', 'build.mjs'])
  run(process.execPath, [join(root, 'scripts', script)]);
const kernel = fetchKernel();
const { disk, busybox, system } = await makeDisk(makeSystem());
const initrd = makeInitrd(kernel, busybox);
note('booting');
const { passed, failed } = await follow(boot(kernel, disk, initrd));
for (const path of [disk, system, initrd, join(folder, 'initrd')]) {
  rmSync(path, { recursive: true, force: true });
}
process.stdout.write(`\nvm: ${passed} passed, ${failed} failed, 0 skipped\n`);
process.exit(failed === 0 ? 0 : 1);
