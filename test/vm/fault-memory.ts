/** Memory runs out: in a partition with a limit, and in the middle of a build. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type ProcessInfo, SupervisorClient } from '../../src/supervisor/client.ts';
import { attempt, check, must, say, test, until } from './console.ts';
import { bringUp, CONFIGURATION, postForm, stopNode } from './fault-node.ts';
import { ROOT, runningPid } from './node-facts.ts';

const PARTITION = 'slappart2';
const RELEASE = '/opt/slapos/hungry';
const PASS_CGROUP = '/sys/fs/cgroup/pass';

function renderProgram(name: string, uid: number, autorestart: string): string {
  return `[program:${PARTITION}_${name}]
command=/usr/bin/tail /dev/zero
process_name=${name}
directory=${ROOT}/${PARTITION}
user=${uid}
autostart=false
autorestart=${autorestart}
startsecs=0
startretries=2
`;
}

async function testServices(): Promise<void> {
  const uid = Number(must(`id -u slapuser2`));
  const head = `[group:${PARTITION}]\nprograms=${PARTITION}_once,${PARTITION}_again\n`;
  const programs = [renderProgram('once', uid, 'false'), renderProgram('again', uid, 'true')];
  writeFileSync(`${ROOT}/etc/supervisord.conf.d/${PARTITION}.conf`, head + programs.join(''));
  must('slapos node supervisorctl update');
  const client = new SupervisorClient(`${ROOT}/sv.sock`);
  const info = (name: string) =>
    client.call<ProcessInfo>('supervisor.getProcessInfo', `${PARTITION}:${name}`);
  const log = () => readFileSync(`${ROOT}/var/log/supervisord.log`, 'utf8');
  const neighbours = async () => [
    await runningPid('slappart0', 'hello'),
    await runningPid('slapproxy'),
  ];
  await test('a service beyond the memory of its partition ends alone, and it is said why', async () => {
    const before = await neighbours();
    await client.call('supervisor.startProcess', `${PARTITION}:once`);
    const isOver = async () => ((await info('once')).statename === 'EXITED' ? true : undefined);
    await until(isOver, 'its end', 180_000);
    const lines = log()
      .split('\n')
      .filter((line) => line.includes('once'));
    for (const said of [/exited: .*SIGKILL/, /out of memory: the kernel killed/]) {
      check(
        lines.some((line) => said.test(line)),
        lines.join('\n'),
      );
    }
    check(String(await neighbours()) === String(before), 'a neighbour ended');
  });
  await test('one that restarts by itself is started again', async () => {
    await client.call('supervisor.startProcess', `${PARTITION}:again`);
    const times = () => log().match(/spawned: '?again/g)?.length ?? 0;
    await until(() => (times() >= 3 ? true : undefined), 'two restarts', 180_000);
    await client.call('supervisor.stopProcess', `${PARTITION}:again`).catch(() => {});
  });
  client.close();
  rmSync(`${ROOT}/etc/supervisord.conf.d/${PARTITION}.conf`);
  must('slapos node supervisorctl update');
}

/** The example, whose recipe takes as much memory as there is, while a file says so. */
function makeHungryRelease(): void {
  must(
    `/usr/lib/slapos-node/node/bin/node /usr/lib/slapos-node/scripts/install-example.mjs ${RELEASE}`,
  );
  const hunger = `
import os
kept = []
while os.path.exists('${RELEASE}/hunger'): kept.append(bytearray(16 << 20))
`;
  writeFileSync(`${RELEASE}/recipe/src/slapos_hello/software.py`, hunger, { flag: 'a' });
}

async function testBuild(): Promise<void> {
  makeHungryRelease();
  writeFileSync(`${RELEASE}/hunger`, '');
  const url = `${RELEASE}/software.cfg`;
  await postForm('supplySupply', { url, computer_id: 'local_computer', state: 'available' });
  await test('a build that runs out of memory is told in one line, and the next one succeeds', () => {
    mkdirSync(PASS_CGROUP);
    writeFileSync(`${PASS_CGROUP}/memory.max`, String(400 << 20));
    const limited = `echo $$ > ${PASS_CGROUP}/cgroup.procs; exec slapos node software`;
    const { status, text } = attempt(limited);
    check(status === 1, `status ${status}: ${text.slice(-800)}`);
    const said = text.split('\n').filter((line) => / ERROR /.test(line));
    say(`seen ${said.at(-1)}`);
    check(/SIGKILL/.test(said.join('\n')), text.slice(-800));
    check(!/^ {4}at /m.test(text), text);
    check(/oom_kill [1-9]/.test(readFileSync(`${PASS_CGROUP}/memory.events`, 'utf8')), 'no kill');
    rmSync(`${RELEASE}/hunger`);
    must('slapos node software');
  });
  await postForm('supplySupply', { url, computer_id: 'local_computer', state: 'destroyed' });
}

export async function playMemory(): Promise<void> {
  must(
    `sed -i "s/^\\[slapos\\]/&\\ncgroup_memory_max = 64M\\nservice_profile = strict/" ${CONFIGURATION}`,
  );
  writeFileSync('/sys/fs/cgroup/cgroup.subtree_control', '+memory +pids +cpu');
  await stopNode();
  await bringUp();
  await testServices();
  await testBuild();
  must(`sed -i "/^cgroup_memory_max\\|^service_profile/d" ${CONFIGURATION}`);
}
