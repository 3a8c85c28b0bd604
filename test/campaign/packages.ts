/**
 * Makes the packages and installs them in a minimal Debian without compilers and without network:
 *
 *     npm run campaign -- packages [--as-made] [--keep]
 *
 * the npm package by `npm install --global` under every Node that it brings SQLite for, the Debian
 * package through its whole life (installed, used, removed, installed again, upgraded, by apt
 * reinstalled, downgraded to an older one and back, purged).
 * With --as-made the packages are those of the last time, --keep leaves the Debian in build/package.
 * Needs root and mmdebstrap. Ends with 1 when anything is not as it should be.
 */
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { packageRoot } from '../../src/host/package/package-files.ts';
import { print, readOptions } from '../support/campaign.ts';

const root = packageRoot();
const work = join(root, 'build', 'package');
const output = join(root, 'build', 'packages');
const system = join(work, 'system');
/** What the packages depend on, and nothing that compiles. */
const SYSTEM = ['ca-certificates', 'iproute2', 'python3', 'python3-venv', 'libbpf1', 'libatomic1'];
const QUICKSTART_S = 180;

const { values } = readOptions({
  options: {
    keep: { type: 'boolean', default: false },
    'as-made': { type: 'boolean', default: false },
  },
});
let failures = 0;

function must(command: string, args: readonly string[]): string {
  const result = spawnSync(command, args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (result.status === 0) return result.stdout;
  throw new Error(`${command} ${args.join(' ')}: ${result.stdout}${result.stderr}`);
}

function check(title: string, isRight: boolean, seen = ''): void {
  print(`${isRight ? 'ok' : 'not ok'}  ${title}`);
  if (isRight) return;
  failures += 1;
  print(seen.trimEnd().replace(/^/gm, '    '));
}

const ENTER = `mount --bind "$1" "$1" && mount -t proc proc "$1/proc" && mount -t sysfs sysfs "$1/sys" &&
mount --rbind /dev "$1/dev" && mount -t tmpfs tmpfs "$1/run" && ip link set lo up &&
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
chroot "$1" sh -c "$2"`;

/** Runs a line of shell inside, with no network but loopback. */
function inside(line: string): { readonly status: number; readonly output: string } {
  const namespaces = ['--mount', '--net', '--pid', '--fork', '--kill-child'];
  const args = [...namespaces, '--propagation', 'private', 'sh', '-c', ENTER, 'sh', system, line];
  const result = spawnSync('unshare', args, { encoding: 'utf8', timeout: QUICKSTART_S * 1000 });
  return { status: result.status ?? -1, output: `${result.stdout}${result.stderr}` };
}

/** @returns what was printed */
function expect(title: string, line: string, pattern = /(?:)/): string {
  const { status, output: text } = inside(line);
  check(title, status === 0 && pattern.test(text), `status ${status}\n${text.slice(-3000)}`);
  return text;
}

function makeSystem(): void {
  const archive = join(work, 'system.tar');
  if (!existsSync(archive)) {
    const suite = /^VERSION_CODENAME=(\w+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
    const include = `--include=${SYSTEM.join(',')}`;
    const words = ['--variant=minbase', '--format=tar', include, suite ?? 'bookworm'];
    must('mmdebstrap', [...words, `${archive}.part`]);
    must('mv', [`${archive}.part`, archive]);
  }
  rmSync(system, { recursive: true, force: true });
  must('mkdir', [system]);
  must('tar', ['-xf', archive, '-C', system]);
}

/** Node and npm, as an operator has them who installs by npm. */
function putNode(folder: string): void {
  copyFileSync(join(folder, 'bin', 'node'), join(system, 'usr/local/bin/node'));
  const npm = join(system, 'usr/local/lib/node_modules/npm');
  if (existsSync(npm)) return;
  const own = [join(dirname(dirname(process.execPath)), 'lib/node_modules/npm')];
  const found = [...own, '/usr/lib/node_modules/npm'].find((path) => existsSync(path));
  if (found === undefined) throw new Error('npm is not beside this Node');
  cpSync(found, npm, { recursive: true });
  expect('npm runs', 'ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && npm -v');
}

const HOME = '/usr/local/lib/node_modules/slapos-node';
const WORKED = /All of it worked/;
const NO_COMPILER = '! command -v cc gcc g++ clang make';

function tryNpmPackage(file: string, nodes: readonly string[]): void {
  copyFileSync(join(output, file), join(system, 'root', file));
  for (const name of nodes) {
    putNode(join(work, 'node', name));
    expect(`${name}: there is no compiler`, NO_COMPILER);
    expect(`${name}: npm install --global`, `npm install --global --offline /root/${file}`);
    expect(`${name}: slapos --version`, 'slapos --version', /^slapos \d/);
    expect(`${name}: quickstart`, `cd ${HOME} && npm run quickstart`, WORKED);
    expect(`${name}: npm uninstall`, `npm uninstall --global slapos-node && ! test -e ${HOME}`);
  }
}

/** Files that a package must not leave behind, and those that it must. */
const OURS = ['/usr/bin/slapos', '/usr/lib/slapos-node', '/etc/default/slapos-node'].concat([
  ...['/etc/logrotate.d/slapos-node', '/var/lib/slapos-node', '/var/log/slapos-node'],
  '/usr/lib/systemd/system/slapos-node.target.wants',
]);
const OLDER = '1:0.0.1';
const DATA = ['/etc/opt/slapos/slapos.cfg', '/srv/slapgrid/slappart0/data', '/opt/slapos/log/x'];

/** The same package with a version that is older than any of ours. */
function makeOlder(file: string): string {
  const folder = join(work, 'older');
  rmSync(folder, { recursive: true, force: true });
  must('dpkg-deb', ['--raw-extract', join(output, file), folder]);
  const control = join(folder, 'DEBIAN', 'control');
  const text = readFileSync(control, 'utf8').replace(/^Version: .*$/m, `Version: ${OLDER}`);
  writeFileSync(control, text);
  const name = `older-${file}`;
  const target = join(system, 'root', name);
  must('dpkg-deb', ['--root-owner-group', '-Zgzip', '-z1', '--build', folder, target]);
  rmSync(folder, { recursive: true });
  return name;
}

/** What an operator does with apt, without any list of packages. */
function tryApt(file: string): void {
  const older = makeOlder(file);
  const apt = (words: string) => `DEBIAN_FRONTEND=noninteractive apt-get install -y ${words}`;
  const works = `slapos --version && grep mine /etc/default/slapos-node`;
  const kept = DATA.map((path) => `grep -q kept ${path}`).join(' && ');
  const version = `dpkg-query -W -f '\${Version}' slapos-node`;
  const isOlder = `test "$(${version})" = ${OLDER}`;
  expect('apt: reinstall', `${apt(`--reinstall /root/${file}`)} && ${works} && ${kept}`);
  expect('apt: no older one unless told', `! ${apt(`/root/${older}`)} && ! ${isOlder}`);
  const downgrade = apt(`--allow-downgrades /root/${older}`);
  expect('apt: downgrade', `${downgrade} && ${isOlder} && ${works} && ${kept}`);
  expect('apt: files are as packed', '! dpkg --verify slapos-node | grep -v /etc/default/');
  expect('apt: upgrade', `${apt(`/root/${file}`)} && ! ${isOlder} && ${works} && ${kept}`);
}

function tryDebianPackage(file: string): void {
  copyFileSync(join(output, file), join(system, 'root', file));
  rmSync(join(system, 'usr/local/bin/node'), { force: true });
  const install = `dpkg --install /root/${file}`;
  expect('deb: there is no Node and no compiler', `${NO_COMPILER} && ! command -v node`);
  expect('deb: install', install, /configure local or|Setting up/);
  expect('deb: slapos --version', 'slapos --version', /Node\.js v24\./);
  expect(
    'deb: nothing was configured or formatted',
    '! test -e /etc/opt/slapos -o -e /srv/slapgrid',
  );
  expect(
    'deb: quickstart',
    '/usr/lib/slapos-node/node/bin/node /usr/lib/slapos-node/scripts/quickstart.mjs',
    WORKED,
  );
  expect('deb: files are as packed', 'dpkg --verify slapos-node', /^$/);
  const write = DATA.map((path) => `mkdir -p $(dirname ${path}) && echo kept > ${path}`);
  expect('deb: data of a node', write.join(' && '));
  expect('deb: remove', 'dpkg --remove slapos-node && test -e /etc/default/slapos-node');
  expect('deb: what use made in its folder is gone too', '! test -e /usr/lib/slapos-node');
  expect('deb: install again', `${install} && slapos --version`);
  expect(
    'deb: upgrade',
    `echo '# mine' >> /etc/default/slapos-node && ${install} && grep mine /etc/default/slapos-node`,
  );
  tryApt(file);
  expect('deb: purge', 'dpkg --purge slapos-node');
  const left = OURS.map((path) => `test -e ${path} && echo ${path}`).join('; ');
  const seen = inside(left).output;
  check('deb: purge leaves nothing of its own', seen === '', seen);
  expect(
    'deb: purge keeps the data of the node',
    DATA.map((path) => `grep kept ${path}`).join(' && '),
  );
  expect('deb: install after purge', `${install} && slapos --version`);
}

function findPackage(pattern: RegExp): string {
  const found = readdirSync(output).find((name) => pattern.test(name));
  if (found === undefined) throw new Error(`no package in ${output}`);
  return found;
}

for (const script of values['as-made'] ? [] : ['package-npm.mjs', 'package-deb.mjs']) {
  print(`making: ${script}`);
  must(process.execPath, [join(root, 'scripts', script)]);
}
makeSystem();
const nodes = readdirSync(join(work, 'node')).filter((name) => name.startsWith(process.arch));
tryNpmPackage(findPackage(/^slapos-node-.*\.tgz$/), nodes);
tryDebianPackage(findPackage(/^slapos-node_.*\.deb$/));
if (!values.keep) rmSync(system, { recursive: true, force: true });
print(failures === 0 ? 'All as it should be.' : `${failures} not as it should be.`);
process.exit(failures === 0 ? 0 : 1);
