/** Calls of the real machine are refused one by one; the next run repairs what that left undone. */
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, expect, it } from 'vitest';
import { isSlaposError } from '../../../src/errors/slapos-error.ts';
import { formatComputer, prepare } from '../../../src/format/format.ts';
import { createHost } from '../../../src/host/create-host.ts';
import { createBeneathFiles } from '../../../src/host/file.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { FACTS, formatOptions } from '../../support/format-run.ts';
import { DUMP } from '../../support/format-scenario.ts';
import { refusingPorts } from '../../support/refusing-ports.ts';
import { requires } from '../../support/requires.ts';

const ACCOUNTS = ['passwd', 'group', 'shadow', 'gshadow'].map((name) => `/etc/${name}`);
const FOLDERS = ['/srv/slapgrid', '/srv/software', '/srv/slapos'];
const shell = (script: string) => execFileSync('bash', ['-euc', script], { encoding: 'utf8' });

requires(
  'root',
  'netns',
  'tun',
)('node format on a kernel that refuses one call', () => {
  const accounts = ACCOUNTS.map((path) => [path, readFileSync(path)] as const);
  const inner = { host: createHost(), partitionFiles: createBeneathFiles() };
  const options = formatOptions({
    partition_amount: '2',
    create_tun: 'true',
    instance_root: '/srv/slapgrid',
    software_root: '/srv/software',
    computer_xml: '/srv/slapos/slapos.xml',
  });

  /** Nothing that format made: the namespace is that of other files too. */
  function clear(): void {
    for (const [path, content] of accounts) writeFileSync(path, content);
    for (const path of FOLDERS) rmSync(path, { recursive: true, force: true });
    shell(`
      ip link delete group 20905 2>/dev/null || true
      ip link delete br0 2>/dev/null || true; ip -6 route flush table local proto 83
      echo 0 > /proc/sys/net/ipv6/ip_nonlocal_bind`);
  }

  /** A machine on which format never ran. */
  function reset(): void {
    clear();
    shell(`
      mkdir /srv/slapos; ip link add br0 type bridge; ip link set br0 up
      echo 0 > /proc/sys/net/ipv6/conf/br0/accept_dad
      ip address add 2001:db8:aaaa::1/48 dev br0`);
  }

  afterAll(clear);

  async function format(refuseAt?: number) {
    const refusing = refusingPorts(inner, refuseAt);
    const input = { options, ports: refusing.ports, facts: FACTS, log: silentLogger };
    const hooks = {
      onPlan: () => {},
      onBatch: () => {},
      onAdvance: () => {},
      onWarning: () => {},
      now: () => new Date(),
      signal: new AbortController().signal,
    };
    try {
      await formatComputer(input, hooks);
      return { ...refusing, error: undefined };
    } catch (error) {
      if (!isSlaposError(error)) throw error;
      return { ...refusing, error };
    }
  }

  it('ends with 1 and is repaired by the next run, whichever call it is', async () => {
    reset();
    const { calls } = await format();
    const whole = shell(DUMP);
    for (let at = 0; at < calls(); at += 1) {
      reset();
      const { error, refused } = await format(at);
      expect(error?.exitCode, `call ${at}: ${refused()}`).toBe(1);
      expect((await format()).error).toBeUndefined();
      expect(shell(DUMP), `call ${at}: ${refused()}`).toBe(whole);
    }
    const input = { options, ports: inner, facts: FACTS, log: silentLogger };
    expect((await prepare(input)).steps).toEqual([]);
  }, 180_000);
});
