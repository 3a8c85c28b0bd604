/** From a machine without slapos to a node whose services outlive crashes and upgrades. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { attempt, check, must, say, test, until } from './console.ts';
import {
  askHello,
  awaitHello,
  checkCgroup,
  checkNetwork,
  checkUnits,
  listProcesses,
  PASS_MS,
  property,
  ROOT,
  runningPid,
  SOFTWARE,
} from './node-facts.ts';

const PARTITIONS = ['slappart0', 'slappart1', 'slappart2'];
const EXAMPLE = '/usr/lib/slapos-node/scripts/install-example.mjs';

async function install(): Promise<void> {
  await test('the package is installed by apt without network, and starts nothing', () => {
    must('apt-get install -y /root/slapos-node.deb');
    check(!existsSync('/etc/opt/slapos') && !existsSync(ROOT), 'something was configured');
    check(attempt('systemctl is-enabled slapos-node.target').text === 'disabled', 'enabled');
    check(!must('systemctl list-timers --all').includes('slapos-'), 'there are timers');
    checkUnits();
  });
  await test('docs/install.md leads to a formatted node that systemd runs', async () => {
    must('slapos configure local --interface-name br0 --partition-number 3');
    must('sed -i "s/^create_tap = .*/create_tap = true/" /etc/opt/slapos/slapos.cfg');
    must('slapos node supervisorctl shutdown');
    must('systemctl enable --now slapos-node.target');
    await until(() => runningPid('slapproxy'), 'the local Master');
    const answer = () =>
      fetch('http://127.0.0.1:8080/getRunId').then(
        ({ ok }) => ok || undefined,
        () => undefined,
      );
    await until(answer, 'an answer of the local Master');
    for (const partition of PARTITIONS) checkNetwork(partition);
    check(property('slapos-node.target', 'ActiveState') === 'active', 'the target');
    check(property('slapos-supervisord', 'ActiveState') === 'active', 'the supervisor');
  });
  await test('the timers build a release and start its instance by themselves', async () => {
    must(`/usr/lib/slapos-node/node/bin/node ${EXAMPLE} /opt/slapos/hello`);
    must(`slapos supply ${SOFTWARE} local_computer`);
    must(`slapos request hello ${SOFTWARE}`);
    checkCgroup('slappart0', await awaitHello('slappart0'));
    await askHello('slappart0', 'hello');
    await until(
      () => (property('slapos-boot', 'SubState') === 'exited' ? true : undefined),
      'the end of slapos-boot.service',
      PASS_MS,
    );
  });
}

async function lookAtTheRest(): Promise<void> {
  await test('the collector records in its sandbox', async () => {
    const pid = property('slapos-collect', 'MainPID');
    check(/^NoNewPrivs:\s+1$/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')), 'no sandbox');
    const said = must('journalctl -b --no-pager -o cat -u slapos-collect');
    check(/through (bpf|procfs)/.test(said), said);
    say(
      `seen ${said
        .split('\n')
        .find((line) => line.includes('through'))
        ?.trim()}`,
    );
    const database = `${ROOT}/var/data-log/collector.db`;
    const query = `import sqlite3;print(sqlite3.connect('${database}').execute("SELECT COUNT(*) FROM user WHERE partition='slapuser0'").fetchone()[0])`;
    const count = () =>
      Number(attempt(`python3 -c "${query.replaceAll('"', '\\"')}"`).text) > 0 ? true : undefined;
    await until(count, 'a row of slapuser0', PASS_MS);
  });
  await test('logs are rotated, and a new tap costs udev no program', () => {
    writeFileSync('/var/log/slapos-node/instance.log', 'a line\n');
    const plan = must('logrotate -d /etc/logrotate.d/slapos-node');
    check(!/error/i.test(plan), plan);
    must('logrotate -f /etc/logrotate.d/slapos-node');
    check(existsSync('/var/log/slapos-node/instance.log.1'), 'nothing was rotated');
    const programs = must('udevadm test /sys/class/net/slaptap0 2>&1 | grep "^run:" || true');
    check(programs === "run: 'path_id'", programs);
  });
  await test('where the disk of the partitions cannot be mounted, nothing is made in its place', () => {
    const unit = '/etc/systemd/system/srv-slapgrid.mount';
    writeFileSync(unit, `[Mount]\nWhat=none\nWhere=${ROOT}\nType=none-such\n`);
    must('systemctl daemon-reload');
    for (const name of ['format', 'instance', 'software', 'report']) {
      const { text } = attempt(`systemctl start slapos-${name}.service`);
      check(text.includes('dependency job'), `slapos-${name}.service: ${text}`);
    }
    check(property('slapos-supervisord', 'ActiveState') === 'active', 'services were stopped');
    must(`rm ${unit} && systemctl daemon-reload && systemctl reset-failed`);
  });
  await test('the lines for cron run the same passes while the target is stopped', async () => {
    must('systemctl stop slapos-node.target');
    must('cp /usr/share/doc/slapos-node/examples/cron.d/slapos-node /etc/cron.d/');
    const finished = (name: string, words: string) => () =>
      attempt(`grep -c "${words}" /var/log/slapos-node/${name}.log`).status === 0
        ? true
        : undefined;
    await until(finished('software', 'Finished software'), 'node software of cron', PASS_MS);
    await until(finished('instance', 'Finished computer'), 'node instance of cron', PASS_MS);
    must('rm /etc/cron.d/slapos-node');
    must('systemctl start slapos-node.target');
  });
}

/** Runs `body`; afterwards the service must be the process that it was. */
async function keepingServices(body: () => Promise<void> | void): Promise<void> {
  const before = await awaitHello('slappart0');
  await body();
  const after = await awaitHello('slappart0');
  check(after === before, `pid ${before} became ${after}`);
  checkCgroup('slappart0', after);
  await askHello('slappart0', 'hello');
  check(property('slapos-supervisord', 'ActiveState') === 'active', 'the unit');
}

/** The command that the unit started, the keeper, and the controller. */
function listSupervisorPids(): readonly string[] {
  return readFileSync(
    '/sys/fs/cgroup/system.slice/slapos-supervisord.service/supervisor/cgroup.procs',
    'utf8',
  )
    .trim()
    .split('\n');
}

async function survive(): Promise<void> {
  await test('a reload of the unit keeps services', () =>
    keepingServices(() => void must('systemctl reload slapos-supervisord')));
  await test('services outlive the supervisor, which systemd starts again', () =>
    keepingServices(async () => {
      const pids = listSupervisorPids();
      must(`kill -9 ${pids.join(' ')}`);
      await until(
        async () =>
          (await listProcesses()).length > 0 &&
          !pids.includes(property('slapos-supervisord', 'MainPID'))
            ? true
            : undefined,
        'another supervisor',
        PASS_MS,
      );
      // One that was under way has failed.
      must('systemctl start slapos-instance.service');
    }));
  await test('an upgrade of the package keeps services', () =>
    keepingServices(async () => {
      const master = await runningPid('slapproxy');
      const startMs = Date.now();
      must('apt-get install -y /root/newer.deb');
      check(must('dpkg-query -W slapos-node').endsWith('+vm1'), 'it is not the newer one');
      check((await runningPid('slapproxy')) !== master, 'the local Master runs the older code');
      checkUnits(startMs);
    }));
  await test('a restart of the unit stops services, and the next pass starts them', async () => {
    const before = await awaitHello('slappart0');
    must('systemctl restart slapos-supervisord');
    check(!existsSync(`/proc/${before}/exe`), 'it goes on');
    await awaitHello('slappart0');
    await askHello('slappart0', 'hello');
  });
}

/** The first start of the machine. */
export async function firstBoot(): Promise<void> {
  await install();
  await lookAtTheRest();
  await survive();
  // Without the local Master the machine comes up without any.
  must(`mv ${ROOT}/etc/supervisord.conf.d/slapproxy.conf /root/`);
  await sleep(1000);
}
