// The steps of the quickstart. Each runs the real command and returns lines of evidence read from
// the system: account files, netlink, sockets, state files, databases.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { installExample } from './install-example.mjs';
import { StepFailure } from './quickstart-run.mjs';

const BRIDGE = 'slapbr0';
const PREFIX = '2001:db8:5a::1/48';
const PARTITIONS = 4;
const INSTANCES = [
  { title: 'greeter', type: 'default', parameters: ['greeting=hello'] },
  { title: 'mirror', type: 'echo', parameters: [] },
];

async function createNetwork(tour) {
  await tour.command('ip', ['link', 'add', BRIDGE, 'type', 'bridge']);
  await tour.command('ip', ['address', 'add', PREFIX, 'dev', BRIDGE, 'nodad']);
  await tour.command('ip', ['link', 'set', BRIDGE, 'up']);
  return [`bridge ${BRIDGE} with ${PREFIX}, as a host with routed IPv6 has`];
}

async function configureLocal(tour) {
  await tour.slaposCommand([
    ...['configure', 'local', '--interface-name', BRIDGE, '--partition-number', String(PARTITIONS)],
    ...['--slapos-configuration-directory', tour.etc, '--slapos-buildout-directory', tour.home],
    ...['--slapos-instance-root', tour.instanceRoot, '--slapos-software-root', tour.softwareRoot],
    ...['--daemon-listen-port', new URL(tour.masterUrl).port],
  ]);
  tour.isSupervised = true;
  const text = await readFile(tour.config, 'utf8');
  await writeFile(tour.config, text.replace(/^create_tap = .*$/m, 'create_tap = true'));
  return [`${tour.config}, the local Master on ${tour.masterUrl} under the supervisor`];
}

function partitionRows(tour) {
  const passwd = new Map(
    readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .map((line) => [line.split(':')[0], line.split(':')[2]]),
  );
  return partitionIds(tour).map((id) => {
    const resource = JSON.parse(
      readFileSync(join(tour.instanceRoot, id, '.slapos-resource'), 'utf8'),
    );
    return { id, resource, user: resource.user.name, uid: passwd.get(resource.user.name) };
  });
}

function partitionIds(tour) {
  return readdirSync(tour.instanceRoot)
    .filter((name) => name.startsWith('slappart'))
    .sort();
}

/** Fails unless the kernel itself has the address on a device. */
async function checkAddress(tour, address) {
  const { stdout } = await tour.command('ip', ['-json', 'address', 'show', 'to', address]);
  const found = JSON.parse(stdout).flatMap((link) => link.addr_info ?? []);
  if (!found.some((info) => info.local === address))
    throw new StepFailure(`${address} is on no device`, stdout);
}

async function describePartition(tour, { id, resource, user, uid }) {
  if (uid === undefined) throw new StepFailure(`user ${user} does not exist`);
  const mode = (statSync(join(tour.instanceRoot, id)).mode & 0o777).toString(8);
  const addresses = resource.address_list.map((entry) => entry.addr);
  for (const address of addresses) await checkAddress(tour, address);
  await tour.command('ip', ['link', 'show', 'dev', resource.tap.name]);
  return `${id}  ${user} uid ${uid}  home 0${mode}  ${addresses.join('  ')}  ${resource.tap.name}`;
}

async function format(tour) {
  await tour.slaposCommand(['node', 'format', '--now']);
  const lines = [];
  for (const row of partitionRows(tour)) lines.push(await describePartition(tour, row));
  return lines;
}

async function formatAgain(tour) {
  const { stdout } = await tour.slaposCommand(['node', 'format', '--now', '--dry-run']);
  return [stdout.trim().split('\n').at(-1) ?? ''];
}

async function supply(tour) {
  tour.softwareUrl = await installExample(join(tour.base, 'example'));
  await tour.slaposCommand(['supply', tour.softwareUrl, 'local_computer']);
  return [`slapos supply ${tour.softwareUrl} local_computer`];
}

async function buildSoftware(tour) {
  await tour.slaposCommand(['node', 'software', '--now']);
  const built = readdirSync(tour.softwareRoot).filter((name) => /^[0-9a-f]{32}$/.test(name));
  if (built.length === 0) throw new StepFailure(`nothing was built in ${tour.softwareRoot}`);
  return built.map((name) => `${join(tour.softwareRoot, name)} built by zc.buildout`);
}

async function requestInstances(tour) {
  const lines = [];
  for (const { title, type, parameters } of INSTANCES) {
    const values = parameters.length > 0 ? ['--parameters', ...parameters] : [];
    await tour.slaposCommand(
      ['request', title, tour.softwareUrl, '--type', type, ...values],
      [0, 2],
    );
    lines.push(`slapos request ${title} … --type ${type} ${values.join(' ')}`.trimEnd());
  }
  return lines;
}

async function deployInstances(tour) {
  await tour.slaposCommand(['node', 'instance', '--now']);
  const { stdout } = await tour.slaposCommand(['node', 'status'], [0, 3]);
  const services = stdout.split('\n').filter((line) => /-on-watch\s/.test(line));
  const isRunning =
    services.length >= INSTANCES.length && services.every((line) => /\sRUNNING\s/.test(line));
  if (!isRunning) throw new StepFailure('not every service is RUNNING', stdout);
  return services.map((line) => `${line.trim()}, uid ${uidOf(/pid (\d+)/.exec(line)?.[1])}`);
}

function uidOf(pid) {
  return /^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '?';
}

async function askServices(tour) {
  const lines = [];
  for (const { title } of INSTANCES) {
    const { stdout } = await tour.slaposCommand(['service', 'info', title]);
    const url = JSON.parse(stdout)['connection-parameters'].url;
    const answer = await fetch(new URL('status.json', url), {
      signal: AbortSignal.timeout(10_000),
    });
    const body = await answer.text();
    if (!answer.ok) throw new StepFailure(`${url} answers ${answer.status}`, body);
    const told = JSON.parse(body);
    if (told.title !== title) throw new StepFailure(`${url} is not ${title}`, body);
    lines.push(
      `GET ${url} → ${answer.status}: I am ${told.title}, uid ${told.uid}, ${JSON.stringify(told.parameters)}`,
    );
  }
  return lines;
}

async function checkPromises(tour) {
  await tour.slaposCommand(['node', 'promise', '--now']);
  const lines = partitionIds(tour).flatMap((id) =>
    readResults(join(tour.instanceRoot, id, '.slapgrid/promise/result'), id),
  );
  if (lines.length < INSTANCES.length) throw new StepFailure('promises left no results');
  return lines;
}

function readResults(folder, id) {
  try {
    return readdirSync(folder).map((name) => {
      const { title, result } = JSON.parse(readFileSync(join(folder, name), 'utf8'));
      if (result.failed)
        throw new StepFailure(`promise ${title} of ${id} failed: ${result.message}`);
      return `${id}  ${title}  ${result.failed ? 'FAILED' : 'passed'}  ${result.message}`;
    });
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
}

/** Another reader than ours: what upstream's tools would see. */
const READ_ROWS = `import json, sqlite3, sys
rows = sqlite3.connect(sys.argv[1]).execute(
    "SELECT partition, COUNT(*), SUM(cpu_time), SUM(memory_rss) FROM user"
    " GROUP BY partition ORDER BY partition")
print(json.dumps([dict(zip(("partition", "n", "cpu", "rss"), row)) for row in rows]))`;

async function collect(tour) {
  await tour.slaposCommand(['node', 'collect']);
  const path = join(tour.instanceRoot, 'var/data-log/collector.db');
  const { stdout } = await tour.command('/usr/bin/python3', ['-c', READ_ROWS, path]);
  const rows = JSON.parse(stdout);
  if (rows.length < INSTANCES.length)
    throw new StepFailure(`only ${rows.length} partitions have rows`);
  return rows.map(
    (row) =>
      `${row.partition}  ${row.n} process(es)  ${row.cpu.toFixed(2)} s CPU  ${(row.rss / 2 ** 20).toFixed(1)} MiB`,
  );
}

/** A port that nothing listens on now: the host's network is not ours alone here. */
async function chooseFreePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/**
 * What `configure local` writes for root, for a node that changes neither users nor network. The
 * addresses are of documentation networks, so services fall back to loopback, each on a port of
 * its own.
 */
async function configureUnprivileged(tour) {
  tour.masterUrl = `http://127.0.0.1:${await chooseFreePort()}`;
  const caller = userInfo();
  const common = [
    'computer_id = local_computer',
    `instance_root = ${tour.instanceRoot}`,
    `software_root = ${tour.softwareRoot}`,
  ];
  const nodeConfig = [
    '[slapos]',
    ...common,
    `master_url = ${tour.masterUrl}`,
    'root_check = false',
    ...['software', 'instance', 'report'].map(
      (kind) => `pidfile_${kind} = ${tour.home}/${kind}.pid`,
    ),
    '[slapformat]',
    `partition_amount = ${PARTITIONS}`,
    `computer_xml = ${tour.home}/slapos.xml`,
    `input_definition_file = ${tour.etc}/definition.cfg`,
    'partition_base_name = slappart',
    `user_base_name = ${caller.username}`,
    'tap_base_name = slaptap',
    ...['alter_user', 'alter_network', 'create_tap', 'create_tun'].map((key) => `${key} = false`),
    '[slapproxy]',
    'host = 127.0.0.1',
    `port = ${new URL(tour.masterUrl).port}`,
    `database_uri = ${tour.home}/slapproxy.db`,
  ];
  const definition = [
    '[computer]',
    'address = ::1/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
    `software_user = ${caller.username}`,
  ];
  for (let index = 0; index < PARTITIONS; index += 1) {
    definition.push(
      `[partition_${index}]`,
      `address = 192.0.2.${index + 1}/255.255.255.255 2001:db8:5a::${index + 2}/ffff:ffff:ffff::`,
      `user = ${caller.username}`,
      `network_interface = slaptap${index}`,
      `pathname = slappart${index}`,
    );
  }
  for (const folder of [tour.etc, tour.home, tour.instanceRoot, tour.softwareRoot])
    await mkdir(folder, { recursive: true });
  await writeFile(tour.config, `${nodeConfig.join('\n')}\n`);
  await writeFile(join(tour.etc, 'definition.cfg'), `${definition.join('\n')}\n`);
  return [tour.config];
}

async function startProxy(tour) {
  const proxy = tour.start(
    process.execPath,
    [tour.slapos, 'proxy', 'start', '--cfg', tour.config],
    'slapos-proxy',
  );
  const ended = new Promise((resolve) => proxy.on('exit', resolve));
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const isUp = await fetch(`${tour.masterUrl}/getRunId`).then(
      (answer) => answer.ok,
      () => false,
    );
    if (isUp) return [tour.masterUrl];
    const isOver = await Promise.race([
      ended.then(() => true),
      new Promise((resolve) => setTimeout(resolve, 100, false)),
    ]);
    if (isOver) break;
  }
  throw new StepFailure(
    'the local Master does not answer',
    readFileSync(join(tour.home, 'log/slapos-proxy.log'), 'utf8'),
  );
}

async function formatUnprivileged(tour) {
  await tour.slaposCommand(['node', 'format', '--now']);
  tour.isSupervised = true;
  return partitionIds(tour).map(
    (id) => `${id}  home ${join(tour.instanceRoot, id)}  user ${userInfo().username}`,
  );
}

const DEPLOY_STEPS = [
  { title: 'Ask the local Master for the example software release', run: supply },
  { title: 'Build it: slapos node software', run: buildSoftware },
  { title: 'Request two instances of it', run: requestInstances },
  { title: 'Deploy them: slapos node instance, slapos node status', run: deployInstances },
  { title: "Ask each service on its instance's own address", run: askServices },
  { title: 'Check the promises: slapos node promise', run: checkPromises },
];

/** With root and namespaces: users, addresses and taps are real. */
export const isolatedSteps = [
  { title: 'Make a network in a private namespace', run: createNetwork },
  { title: 'Configure a node of its own: slapos configure local', run: configureLocal },
  { title: 'Create users, homes, addresses and taps: slapos node format', run: format },
  { title: 'Format again: nothing is left to do', run: formatAgain },
  ...DEPLOY_STEPS,
  { title: 'Record what each partition consumes: slapos node collect', run: collect },
];

/** As an ordinary user, or in a plain container. */
export const unprivilegedSteps = [
  {
    title: 'Write a configuration that changes no user and no network',
    run: configureUnprivileged,
  },
  { title: 'Start the local Master: slapos proxy start', run: startProxy },
  { title: 'Create the partitions: slapos node format', run: formatUnprivileged },
  ...DEPLOY_STEPS,
];
