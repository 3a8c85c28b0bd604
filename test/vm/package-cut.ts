/** A machine that lost its power, and whose IPv6 comes long after everything else, as by re6stnet. */
import { closeSync, fsyncSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { check, must, say, test, until } from './console.ts';
import { askHello, awaitHello, checkCgroup, listFailed, PASS_MS, property } from './node-facts.ts';

const NETWORK = '/etc/systemd/network/30-br0.network';
const ADDRESS = '2001:db8:5a::1/48';

function writeSynced(path: string, text: string): void {
  writeFileSync(path, text);
  const descriptor = openSync(path, 'r');
  fsyncSync(descriptor);
  closeSync(descriptor);
}

/** Nothing else is synced, no unit is stopped: the next start finds what the disk has. */
export function cutPower(phase: string): void {
  const text = readFileSync(NETWORK, 'utf8');
  writeSynced(NETWORK, text.replace(`Address=${ADDRESS}\n`, ''));
  writeSynced(phase, 'cut');
  say('rebooting by a power cut');
  writeFileSync('/proc/sysrq-trigger', 'b');
}

/** The third start of the machine. */
export async function thirdBoot(): Promise<void> {
  await test('after a power cut the node waits for IPv6, and says so', async () => {
    await until(
      () =>
        must('journalctl -b --no-pager -o cat').includes('No IPv6 address on br0')
          ? true
          : undefined,
      'the wait of slapos-boot.service',
      PASS_MS,
    );
    check(property('slapos-supervisord', 'ActiveState') === 'active', 'the supervisor');
    check(listFailed() === 'slapos-format.service', `failed: ${listFailed()}`);
  });
  await test('when IPv6 comes addresses and services are there by themselves', async () => {
    must(`ip address add ${ADDRESS} dev br0`);
    await until(
      () => (property('slapos-boot', 'SubState') === 'exited' ? true : undefined),
      'the end of slapos-boot.service',
      PASS_MS,
    );
    for (const [partition, title] of [
      ['slappart0', 'hello'],
      ['slappart1', 'second'],
    ] as const) {
      checkCgroup(partition, await awaitHello(partition));
      await askHello(partition, title);
    }
    check(listFailed() === '', `failed: ${listFailed()}`);
  });
}
