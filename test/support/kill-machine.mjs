// One machine of the campaign that kills `node format`: runs under scripts/in-namespace.sh, starts
// format and kills it at each moment given, runs it to the end, and prints as one line of JSON what it
// saw and everything that format made.
// A moment is so many milliseconds after so many lines that format logged.
//   node kill-machine.mjs '{"partitions": 1000, "moments": [{"lines": 3, "delayMs": 12.5}]}'
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

if (process.env.SLAPOS_TEST_NAMESPACE !== '1') throw new Error('not under in-namespace.sh');
const { partitions, moments } = JSON.parse(process.argv[2]);
const packageFolder = process.env.SLAPOS_PACKAGE;
const CFG = '/srv/slapos.cfg';
const XML = '/srv/slapos/slapos.xml';
const LARGEST_OUTPUT_BYTES = 256 * 1024 * 1024;

const run = (command, ...args) =>
  execFileSync(command, args, { encoding: 'utf8', maxBuffer: LARGEST_OUTPUT_BYTES });

function prepareMachine() {
  run('ip', 'link', 'add', 'br0', 'type', 'bridge');
  run('ip', 'link', 'set', 'br0', 'up');
  writeFileSync('/proc/sys/net/ipv6/conf/br0/accept_dad', '0');
  run('ip', 'address', 'add', '2001:db8:aaaa::1/48', 'dev', 'br0');
  for (const name of ['data0', 'data1']) mkdirSync(`/srv/storage/${name}`, { recursive: true });
  writeFileSync(
    CFG,
    `[slapos]
computer_id = COMP-1
master_url = http://127.0.0.1:5000/
software_root = /srv/software
instance_root = /srv/slapgrid
instance_storage_home = /srv/storage
[slapformat]
interface_name = br0
partition_amount = ${partitions}
create_tun = true
computer_xml = ${XML}
computer_json = /srv/slapos/slapos.json
ipv4_local_network = 10.0.0.0/16
`,
  );
}

async function startMaster() {
  const script = join(packageFolder, 'test/support/quiet-master.mjs');
  const master = spawn(process.execPath, [script, '5000', '/srv/master.log'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => master.stdout.once('data', resolve));
  return master;
}

/** Runs format, killing it at a moment when given; tells how it ended and when it said what. */
function format(moment) {
  const start = performance.now();
  const child = spawn(
    process.execPath,
    [join(packageFolder, 'bin/slapos'), 'node', 'format', '--now', '--cfg', CFG],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const lines = [];
  let timer;
  const hear = () => {
    if (moment === undefined || timer !== undefined || lines.length < moment.lines) return;
    timer = setTimeout(() => child.kill('SIGKILL'), moment.delayMs);
  };
  createInterface(child.stderr).on('line', (text) => {
    lines.push({
      text: text.replace(/^.* (INFO|ERROR|WARNING) /, ''),
      ms: performance.now() - start,
    });
    hear();
  });
  hear();
  return new Promise((resolve) => {
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      resolve({ status, signal, ms: performance.now() - start, lines });
    });
  });
}

/** The part of a run that a kill fell into: its last batch, or what stood before or after. */
function reached({ signal, lines }) {
  if (signal === null) return 'was over';
  return (
    lines
      .at(-1)
      ?.text.replace(/\d+ steps/, 'steps')
      .replace(/: \d+$/, '') ?? 'before the plan'
  );
}

/** Everything that two runs must agree on, as sorted lines by subject. */
function snapshot() {
  const accounts = ['passwd', 'group', 'gshadow'].map((name) =>
    readFileSync(`/etc/${name}`, 'utf8'),
  );
  const shadow = readFileSync('/etc/shadow', 'utf8')
    .split('\n')
    .map((line) => line.split(':').toSpliced(2, 1, 'DAY').join(':'));
  return {
    accounts: [...accounts.join('').split('\n'), ...shadow],
    backups: readdirSync('/etc').filter((name) =>
      /^(passwd|group|g?shadow)[+.]|\.lock$/.test(name),
    ),
    links: links(),
    addresses: addresses(),
    routes: ['-4', '-6'].flatMap(routes).sort(),
    files: ['/srv/slapgrid', '/srv/software', '/srv/storage', '/srv/slapos'].flatMap(tree),
    settings: [readFileSync('/proc/sys/net/ipv6/ip_nonlocal_bind', 'utf8')],
  };
}

/** Without carrier: the kernel finds out that a tap has none at 100 links a second (linkwatch). */
function links() {
  const found = JSON.parse(run('ip', '-j', '-d', 'link'));
  return found
    .map(({ ifindex: _, address: __, operstate: ___, flags, ...link }) => {
      const { bridge_id, root_id, gc_timer, hello_timer, ...bridge } =
        link.linkinfo?.info_data ?? {};
      const linkinfo = link.linkinfo && { ...link.linkinfo, info_data: bridge };
      const kept = flags.filter((flag) => flag !== 'NO-CARRIER' && flag !== 'LOWER_UP');
      return JSON.stringify({ ...link, linkinfo, flags: kept });
    })
    .sort();
}

function addresses() {
  const found = JSON.parse(run('ip', '-j', 'address'));
  return found
    .flatMap(({ ifname, addr_info }) =>
      addr_info
        .filter(({ scope }) => scope !== 'link')
        .map((address) => `${ifname} ${JSON.stringify(address)}`),
    )
    .sort();
}

/** Without link-local ones, which follow from MACs. */
function routes(family) {
  return run('ip', family, 'route', 'show', 'table', 'all')
    .split('\n')
    .filter((line) => !/(^| )fe80::|anycast|multicast/.test(line))
    .map((line) => line.replace(' linkdown', ''));
}

function tree(root) {
  if (!existsSync(root)) return [];
  const status = lstatSync(root);
  const line = `${root} ${(status.mode & 0o177777).toString(8)} ${status.uid} ${status.gid}`;
  if (status.isDirectory()) {
    return [
      line,
      ...readdirSync(root)
        .sort()
        .flatMap((name) => tree(join(root, name))),
    ];
  }
  // The history of the state file tells how often format ran, the lock who held it last.
  if (/\.zip$/.test(root)) return [];
  if (/\.lock$/.test(root)) return [line];
  return [`${line} ${createHash('sha256').update(readFileSync(root)).digest('hex')}`];
}

prepareMachine();
const master = await startMaster();
const kills = [];
for (const moment of moments) {
  const killed = await format(moment);
  kills.push({ ...moment, reached: reached(killed), hasJournal: existsSync(`${XML}.pending`) });
}
const last = await format();
const said = (lines) => lines.map(({ text }) => text).join('\n');
if (last.status !== 0) throw new Error(`format ended with ${last.status}\n${said(last.lines)}`);
const text = snapshot();
const again = await format();
if (!said(again.lines).includes('Nothing to do.')) {
  throw new Error(`there is more to do\n${said(again.lines)}`);
}
master.kill();
// Left to the end of the namespace, thousands of devices go one by one.
run('ip', 'link', 'delete', 'group', '20905');
process.stdout.write(JSON.stringify({ kills, last, again, snapshot: text }));
