// The emulated machine of `npm run test:vm`: Debian's cloud kernel (unpacked, not installed), a root
// file system of Debian's, a first system that loads the driver of the disk, and what the machine
// says on its console. Everything lies in build/vm.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  copyFileSync,
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

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const folder = join(root, 'build', 'vm');
/** Lines of the console that are shown besides the results. */
const SAID = /^(kernel|seen|rebooting|finished)/;
/** In the order of what needs what; ext4 is part of the kernel. */
const MODULES = [
  'virtio_ring',
  'virtio',
  'virtio_pci_modern_dev',
  'virtio_pci_legacy_dev',
  'virtio_pci',
  'virtio_blk',
];

/** What is not on the disk, so that it can be changed without making another one. */
const CARRY = `/bin/busybox mount -t tmpfs run /root/run
/bin/busybox cp -r /vm /root/run/vm
`;

export function skip(reason) {
  process.stdout.write(`vm lane: skipped, ${reason}\n\nvm: 0 passed, 0 failed, 1 skipped\n`);
  process.exit(0);
}

export function requireTools() {
  if (process.getuid() !== 0) skip('it needs root to make a root file system');
  if (process.arch !== 'x64') skip('it emulates x86-64 with the node of this machine');
  const tools = ['qemu-system-x86_64', 'mmdebstrap', 'dpkg-deb', 'mke2fs', 'apt-get'];
  const missing = tools.filter((tool) => spawnSync('which', [tool]).status !== 0);
  if (missing.length > 0) {
    skip(`${missing.join(', ')} missing: apt-get install qemu-system-x86 mmdebstrap e2fsprogs`);
  }
}

export function run(command, args, options = {}) {
  return execFileSync(command, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
  });
}

export function note(text) {
  const seconds = (performance.now() / 1000).toFixed(0).padStart(4);
  process.stdout.write(`${seconds} s  ${text}\n`);
}

/** Unpacks the kernel that `linux-image-cloud-amd64` stands for. */
export function fetchKernel() {
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

/**
 * A minimal Debian of this machine's suite, kept as an archive.
 * @param name of the archive; packages beside the essential ones
 */
export function fetchSystem(name, packages) {
  const archive = join(folder, `${name}.tar`);
  if (existsSync(archive)) return archive;
  note('making the root file system');
  const suite = /^VERSION_CODENAME=(\w+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  const include = `--include=${packages.join(',')}`;
  const options = ['--variant=minbase', '--format=tar', include];
  run('mmdebstrap', [...options, suite ?? 'bookworm', `${archive}.part`]);
  run('mv', [`${archive}.part`, archive]);
  return archive;
}

/** @returns the folder that holds what the archive has */
export function unpackSystem(archive) {
  const system = join(folder, 'system');
  rmSync(system, { recursive: true, force: true });
  mkdirSync(system);
  run('tar', ['-xf', archive, '-C', system]);
  return system;
}

/** A Node for the tests inside, and the tests as one file. */
export async function putTests(system, entry, target) {
  mkdirSync(dirname(join(system, target)), { recursive: true });
  copyFileSync(process.execPath, join(system, 'usr', 'local', 'bin', 'node'));
  await build({
    entryPoints: [join(root, 'test', 'vm', entry)],
    outfile: join(system, target),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    logLevel: 'error',
  });
}

/** Starts with the machine. */
export function putUnit(system, name, text) {
  const file = join('etc/systemd/system', `${name}.service`);
  const wants = join(system, 'etc/systemd/system/multi-user.target.wants');
  mkdirSync(wants, { recursive: true });
  writeFileSync(join(system, file), text);
  symlinkSync(`/${file}`, join(wants, `${name}.service`));
}

/** @param size as mke2fs(8) takes it */
export function makeDisk(system, size) {
  const disk = join(folder, 'disk.img');
  rmSync(disk, { force: true });
  run('mke2fs', ['-q', '-t', 'ext4', '-d', system, disk, size]);
  return disk;
}

/**
 * A first system that loads the driver of the disk and starts what is on it.
 * @param options start: the program to start; files: by name, put into /run/vm of the system
 */
export function makeInitrd(kernel, busybox, { start = '/lib/systemd/systemd', files = {} } = {}) {
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
${Object.keys(files).length === 0 ? '' : CARRY}exec /bin/busybox switch_root /root ${start}
`;
  mkdirSync(join(initrd, 'vm'));
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(initrd, 'vm', name), text, { mode: 0o755 });
  }
  writeFileSync(join(initrd, 'init'), script, { mode: 0o755 });
  const file = join(folder, 'initrd.cpio');
  const pack = 'find . | "$2" cpio -o -H newc > "$1"';
  run('sh', ['-c', pack, 'sh', file, busybox], { cwd: initrd });
  return file;
}

/**
 * Starts the machine. It is emulated: KVM is not needed, and hangs on some hosts.
 * The tests inside tell nothing of Spectre, whose mitigations cost an emulator a third of its speed.
 * @param drive as `-drive` of qemu takes it
 * @param options words: more of the kernel's command line; shellSocket: a root shell of systemd
 *   answers there; extra: more options of qemu
 */
export function startMachine(
  { kernel, drive, initrd },
  { words = [], shellSocket, extra = [] } = {},
) {
  const image = readdirSync(join(kernel, 'boot')).find((name) => name.startsWith('vmlinuz'));
  const line = ['console=ttyS0 root=/dev/vda rw quiet systemd.show_status=false panic=-1'];
  line.push('mitigations=off', ...(shellSocket ? ['systemd.debug_shell=ttyS1'] : []), ...words);
  const shell = shellSocket ? ['-serial', `unix:${shellSocket},server=on,wait=off`] : [];
  return spawn(
    'qemu-system-x86_64',
    [
      ...['-machine', 'q35,accel=tcg', '-cpu', 'max', '-smp', '2', '-m', '2048'],
      ...['-kernel', join(kernel, 'boot', image), '-initrd', initrd, '-append', line.join(' ')],
      ...['-drive', `${drive},if=virtio,format=raw`],
      ...['-nic', 'user,model=virtio-net-pci,restrict=on'],
      ...['-display', 'none', '-monitor', 'none', '-serial', 'stdio', ...shell, ...extra],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
}

/**
 * Starts the machine and waits for its end.
 * @param options limitMs: it is ended then; hasShell: a root shell answers on build/vm/shell
 * @returns how many checks passed and failed
 */
export async function runMachine(kernel, disk, initrd, { limitMs, hasShell = false }) {
  note('booting');
  const drive = `file=${disk},cache=unsafe`;
  const shellSocket = hasShell ? join(folder, 'shell') : undefined;
  rmSync(join(folder, 'console.log'), { force: true });
  const machine = startMachine({ kernel, drive, initrd }, { shellSocket });
  const { passed, failed, isComplete } = await follow(machine, limitMs);
  if (!isComplete) note('the machine did not finish; its console is build/vm/console.log');
  return { passed, failed: failed + (isComplete ? 0 : 1) };
}

/**
 * Prints what the tests say and counts it, until the machine ends.
 * @param limitMs it is ended then
 * @param hear is told each line
 */
export async function follow(machine, limitMs, hear = () => {}) {
  const total = { ok: 0, 'not ok': 0 };
  const timer = setTimeout(() => machine.kill('SIGKILL'), limitMs);
  machine.stdout.setEncoding('utf8');
  let rest = '';
  let isComplete = false;
  for await (const chunk of machine.stdout) {
    appendFileSync(join(folder, 'console.log'), chunk);
    const lines = (rest + chunk).split(/\r?\n/);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const kind = /^(ok|not ok) /.exec(line)?.[1];
      if (kind !== undefined) total[kind] += 1;
      if (kind !== undefined || SAID.test(line)) note(line);
      isComplete ||= line.startsWith('finished');
      hear(line);
    }
  }
  clearTimeout(timer);
  return { passed: total.ok, failed: total['not ok'], isComplete };
}
