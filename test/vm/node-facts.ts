/** What a node in the virtual machine is seen to do: services, addresses, units. */
import { readFileSync } from 'node:fs';
import { type ProcessInfo, SupervisorClient } from '../../src/supervisor/client.ts';
import { attempt, check, must, until } from './console.ts';

export const ROOT = '/srv/slapgrid';
export const SOFTWARE = '/opt/slapos/hello/software.cfg';
const UNIT_CGROUP = '/system.slice/slapos-supervisord.service';
/** Passes of an emulated machine, with what the timers add to them. */
export const PASS_MS = 240_000;

/** Every process of the supervisor; none while it does not answer. */
export async function listProcesses(): Promise<readonly ProcessInfo[]> {
  const client = new SupervisorClient(`${ROOT}/sv.sock`);
  try {
    return await client.call<ProcessInfo[]>('supervisor.getAllProcessInfo');
  } catch {
    return [];
  } finally {
    client.close();
  }
}

/** The id of the process of a program whose name begins so, while it is RUNNING. */
export async function runningPid(group: string, name = ''): Promise<number | undefined> {
  const found = (await listProcesses()).find(
    (each) => each.group === group && each.name.startsWith(name),
  );
  return found?.statename === 'RUNNING' ? found.pid : undefined;
}

/** Waits for the service of the example in a partition. */
export function awaitHello(partition: string): Promise<number> {
  return until(() => runningPid(partition, 'hello'), `the service of ${partition}`, PASS_MS);
}

interface Resource {
  readonly address_list: readonly { readonly addr: string }[];
  readonly tap: { readonly name: string };
}

/** @throws Error naming what the kernel lacks of a partition's addresses and its tap */
export function checkNetwork(partition: string): string {
  const text = readFileSync(`${ROOT}/${partition}/.slapos-resource`, 'utf8');
  const { address_list: addresses, tap } = JSON.parse(text) as Resource;
  const here = attempt('ip -brief address').text;
  for (const { addr } of addresses)
    check(here.includes(` ${addr}/`), `${addr} is not here: ${here}`);
  check(here.includes(tap.name), `${tap.name} is not here: ${here}`);
  return addresses.map(({ addr }) => addr).find((addr) => addr.includes(':')) ?? '';
}

/** @throws Error unless the service answers on the address of its own partition */
export async function askHello(partition: string, title: string): Promise<void> {
  const address = checkNetwork(partition);
  const answer = await until(
    () =>
      fetch(`http://[${address}]:8080/status.json`, { signal: AbortSignal.timeout(10_000) }).then(
        (response) => response.json() as Promise<{ readonly title: string }>,
        () => undefined,
      ),
    `an answer of ${address}`,
  );
  check(answer.title === title, `${address} is ${answer.title}`);
}

/** @throws Error unless a process is in the cgroup that the unit has for its partition */
export function checkCgroup(partition: string, pid: number): void {
  const membership = readFileSync(`/proc/${pid}/cgroup`, 'utf8');
  check(membership.includes(`${UNIT_CGROUP}/${partition}/`), `pid ${pid}: ${membership}`);
}

export function property(unit: string, name: string): string {
  return attempt(`systemctl show --property=${name} --value ${unit}`).text;
}

/** Names of the units that have failed. */
export function listFailed(): string {
  return must('systemctl --failed --plain --no-legend').replaceAll(/^(\S+).*$/gm, '$1');
}

/**
 * @param sinceMs from when on the journal counts, in milliseconds since 1970
 * @throws Error with the journal when a unit of the machine has failed, or one of ours told an error
 */
export function checkUnits(sinceMs = 0): void {
  const journal = `journalctl -b -q --no-pager --since=@${Math.floor(sinceMs / 1000)} -u "slapos-*"`;
  const failed = listFailed();
  const told = attempt(`${journal} -o cat`).text;
  check(failed === '', `failed: ${failed}\n${failed === '' ? '' : told.slice(-2000)}`);
  const thrown = told.split('\n').filter((line) => /^ {4}at |_INTERNAL/.test(line));
  check(thrown.length === 0, thrown.join('\n'));
  // It fails where there is no line of any unit of ours yet.
  const errors = attempt(`${journal} -p err`);
  check(errors.status !== 0 || errors.text === '', errors.text);
}
