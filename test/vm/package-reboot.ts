/** A machine that starts without a Master, and the end of the package on it. */
import { existsSync, readFileSync } from 'node:fs';
import { attempt, check, must, say, test, until } from './console.ts';
import {
  askHello,
  awaitHello,
  checkCgroup,
  checkNetwork,
  checkUnits,
  PASS_MS,
  property,
  ROOT,
  SOFTWARE,
} from './node-facts.ts';

const TIMERS = ['format', 'instance', 'report', 'software'];

async function comeBack(): Promise<void> {
  await test('without a Master addresses, taps and services are back by themselves', async () => {
    const pid = await awaitHello('slappart0');
    const [seconds] = readFileSync('/proc/uptime', 'utf8').split(' ');
    say(`seen services are back ${seconds} s after the kernel started`);
    for (const partition of ['slappart0', 'slappart1', 'slappart2']) checkNetwork(partition);
    checkCgroup('slappart0', pid);
    await askHello('slappart0', 'hello');
  });
  await test('timers run, and none of their units fails for want of the Master', async () => {
    for (const name of TIMERS) {
      check(property(`slapos-${name}.timer`, 'NextElapseUSecRealtime') !== '', `${name}: no next`);
    }
    for (const name of ['instance', 'software']) {
      const last = () => property(`slapos-${name}.timer`, 'LastTriggerUSec') || undefined;
      await until(last, `the run of slapos-${name}.timer`, PASS_MS);
    }
    for (const name of TIMERS) must(`systemctl start slapos-${name}.service`);
    checkUnits();
    check(property('slapos-boot', 'SubState') === 'running', 'slapos-boot does not wait');
    const said = must('journalctl -b --no-pager -o cat -u slapos-boot');
    check(said.includes('cannot be reached'), said);
  });
  await test('when the Master comes the boot is told to it', async () => {
    must(`mv /root/slapproxy.conf ${ROOT}/etc/supervisord.conf.d/`);
    must('slapos node supervisorctl update');
    await until(
      () => (property('slapos-boot', 'SubState') === 'exited' ? true : undefined),
      'the end of slapos-boot.service',
      PASS_MS,
    );
    check(must('journalctl -b --no-pager -o cat -u slapos-boot').includes('Banging'), 'no bang');
    checkUnits();
  });
}

function listLeft(): string {
  return attempt('ps -e -o pid,user:20,args | grep -E "slapos|slapuser|slapsoft" | grep -v grep')
    .text;
}

async function remove(): Promise<void> {
  await test('a removal during a pass ends it, the services and every process', async () => {
    must(`slapos request second ${SOFTWARE}`);
    must('systemctl start --no-block slapos-instance');
    // The user of the second partition has nothing but the buildout of its first pass.
    await until(() => attempt('pgrep -u slapuser1').text || undefined, 'the pass', PASS_MS);
    must('apt-get remove -y slapos-node');
    check(must('dpkg -s slapos-node').includes('config-files'), 'its state');
    check(!existsSync('/usr/lib/slapos-node'), 'files are left');
    check(listLeft() === '', listLeft());
    checkUnits();
  });
  await test('a purge keeps the data of the node', () => {
    must('dpkg --purge slapos-node');
    for (const path of ['/var/lib/slapos-node', '/etc/default/slapos-node']) {
      check(!existsSync(path), `${path} is left`);
    }
    for (const path of [
      '/etc/opt/slapos/slapos.cfg',
      '/opt/slapos/slapproxy.db',
      `${ROOT}/slappart0/etc`,
    ]) {
      check(existsSync(path), `${path} is gone`);
    }
    must('id slapuser0');
    checkNetwork('slappart0');
    check(!must('systemctl list-units --all --plain').includes('slapos'), 'a unit is left');
  });
  await test('installed again, the node goes on with its services and its data', async () => {
    must('apt-get install -y /root/newer.deb');
    must('systemctl enable --now slapos-node.target');
    for (const [partition, title] of [
      ['slappart0', 'hello'],
      ['slappart1', 'second'],
    ] as const) {
      checkCgroup(partition, await awaitHello(partition));
      await askHello(partition, title);
    }
  });
}

/** The second start of the machine. */
export async function secondBoot(): Promise<void> {
  await comeBack();
  await remove();
}
