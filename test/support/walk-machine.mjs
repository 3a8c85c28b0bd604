// One machine of a walk of `node format`: runs under scripts/in-namespace.sh, takes the stages given
// as JSON on standard input, and prints as one line of JSON how each run ended and what the machine is
// at the end.
//   {"stages": [{"script": "ip …", "cfg": "[slapos]…", "killMs": 80}, …]}
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

if (process.env.SLAPOS_TEST_NAMESPACE !== '1') throw new Error('not under in-namespace.sh');
const { stages } = JSON.parse(readFileSync(0, 'utf8'));
const packageFolder = process.env.SLAPOS_PACKAGE;
const CFG = '/srv/slapos.cfg';
const XML = '/srv/slapos/slapos.xml';

const run = (command, ...args) => execFileSync(command, args, { encoding: 'utf8' });

/** Runs format, killing it after so many milliseconds when given. */
function format(args, killMs) {
  const child = spawn(
    process.execPath,
    [join(packageFolder, 'bin/slapos'), 'node', 'format', '--cfg', CFG, ...args],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      said += text;
    });
  }
  const timer = killMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killMs);
  return new Promise((resolve) => {
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      resolve({ status, signal, said });
    });
  });
}

const lines = (path) =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
const fields = (path) => lines(path).map((line) => line.split(':'));

/** What the machine is, by subject and name: MachineState of format-walk.ts. */
function state() {
  const users = fields('/etc/passwd');
  const groups = fields('/etc/group');
  const passwords = new Map(fields('/etc/shadow').map(([name, password]) => [name, password]));
  const userOf = (id) => users.find(([, , uid]) => Number(uid) === id)?.[0] ?? id;
  const groupOf = (id) => groups.find(([, , gid]) => Number(gid) === id)?.[0] ?? id;
  const tree = (path) => {
    if (!existsSync(path)) return [];
    const inside = lstatSync(path).isDirectory() ? readdirSync(path) : [];
    return [path, ...inside.flatMap((name) => tree(join(path, name)))];
  };
  const paths = ['/srv/slapgrid', '/srv/software', '/srv/storage', '/srv/slapos'].flatMap(tree);
  const isFolder = (path) => lstatSync(path).isDirectory();
  const owned = (path) => {
    const { mode, uid, gid } = lstatSync(path);
    return `${(mode & 0o7777).toString(8)} ${userOf(uid)} ${groupOf(gid)}`;
  };
  const kept = paths.filter((path) => !isFolder(path) && !/\.(zip|lock)$/.test(path));
  return {
    links: collect(links()),
    addresses: collect(addresses()),
    routes: collect(['-4', '-6'].flatMap(routes)),
    users: collect(
      users.map(([name, , , gid, , home, shell]) => [
        name,
        `${home} ${shell} ${groupOf(Number(gid))} ${passwords.get(name)}`,
      ]),
    ),
    groups: collect(groups.map(([name, , , members]) => [name, members])),
    folders: collect([
      ...paths.filter(isFolder).map((path) => [path, owned(path)]),
      ...kept.map((path) => [`${path} (file)`, owned(path)]),
    ]),
    files: collect(kept.map((path) => [path, readFileSync(path, 'utf8')])),
    settings: {
      'net.ipv6.ip_nonlocal_bind': run('sysctl', '-n', 'net.ipv6.ip_nonlocal_bind').trim(),
    },
  };
}

function collect(entries) {
  const names = entries.map(([name]) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Error(`${twice} stands twice`);
  return Object.fromEntries(entries);
}

/** Without MACs, indexes and carrier. */
function links() {
  return JSON.parse(run('ip', '-j', '-d', 'link')).map((link) => {
    const { ifname, flags, master = '-', group, linkinfo } = link;
    const { type = '-', persist, user = '-', pi, vnet_hdr } = linkinfo?.info_data ?? {};
    const kind = [linkinfo?.info_kind ?? '-', type, persist, pi, vnet_hdr].join(' ');
    const isUp = flags.includes('UP') ? 'up' : 'down';
    return [ifname, `${kind} ${isUp} owner ${user} master ${master} group ${group}`];
  });
}

function addresses() {
  return JSON.parse(run('ip', '-j', 'address')).flatMap(({ ifname, addr_info }) =>
    addr_info
      .filter(({ scope }) => scope !== 'link')
      .map(({ local, prefixlen, scope, noprefixroute = false, valid_life_time }) => [
        `${ifname} ${local}/${prefixlen}`,
        `${scope} ${noprefixroute} ${valid_life_time}`,
      ]),
  );
}

/** Our own: the kernel's follow from links and addresses. */
function routes(family) {
  return JSON.parse(
    run('ip', '-j', '-d', family, 'route', 'show', 'table', 'all', 'proto', '83'),
  ).map(({ type, dst, gateway = '', dev, table = 'main', metric = 0 }) => {
    const place = table === 'local' ? 'local dev' : 'dev';
    return [`${dst} ${gateway} ${place} ${dev}`, `${type} ${table} ${metric}`];
  });
}

/** Only where it is needed: the state file has more partitions than are wanted. */
function releasing(cfg) {
  const xml = existsSync(XML) ? readFileSync(XML, 'utf8') : '';
  const wanted = Number(/partition_amount = (\d+)/.exec(cfg)[1]);
  return xml.split('<string>tap</string>').length - 1 > wanted ? ['--release-partitions'] : [];
}

const runs = [];
for (const { script, cfg, killMs } of stages) {
  run('bash', '-euc', script);
  writeFileSync(CFG, cfg);
  const { status, signal, said } = await format(['--now', ...releasing(cfg)], killMs);
  // 2: nobody is told, since there is no Master.
  if (status !== 2 && signal === null) throw new Error(`format ended with ${status}\n${said}`);
  runs.push(signal === null ? 'whole' : 'killed');
}
const check = await format(['--check']);
const result = { runs, check: check.status === 0 ? '' : check.said, state: state() };
// Left to the end of the namespace, devices go one by one.
run('bash', '-c', 'ip link delete group 20905 2> /dev/null || true');
process.stdout.write(JSON.stringify(result));
