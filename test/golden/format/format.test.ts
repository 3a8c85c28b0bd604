/**
 * Each folder holds a configuration (slapos.cfg), a machine (observed.json: what is not named is as
 * on an empty one), the configuration of an earlier run on it (before.cfg) if there was one, and what a dry run prints for them (expected-plan.txt) or how it is refused
 * (expected-error.txt). Write the expectations anew with UPDATE_GOLDEN=1 and review the difference.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/read.ts';
import { isSlaposError } from '../../../src/errors/slapos-error.ts';
import { prepare } from '../../../src/format/format.ts';
import { mergeOptions, parseOptions } from '../../../src/format/options.ts';
import { renderPlan } from '../../../src/format/render.ts';
import type { GroupEntry, PasswdEntry } from '../../../src/host/host.ts';
import type { NativeLink, NativeRoute } from '../../../src/host/network/native-network.ts';
import { FakeHost } from '../../support/fake-host.ts';
import { rebootHost } from '../../support/format-nodes.ts';
import { formatInput, runFormat } from '../../support/format-run.ts';

const folder = import.meta.dirname;
const cases = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

interface Machine {
  readonly links: ReadonlyArray<Partial<NativeLink> & { readonly name: string }>;
  readonly addresses: ReadonlyArray<{
    readonly dev: string;
    readonly address: string;
    readonly prefixLength: number;
    readonly flags?: number;
  }>;
  readonly routes?: ReadonlyArray<Partial<NativeRoute> & { readonly dev: string }>;
  /** Contents of files by path, as lists of lines. */
  readonly files?: Readonly<Record<string, readonly string[]>>;
  readonly users?: readonly PasswdEntry[];
  readonly groups?: ReadonlyArray<Pick<GroupEntry, 'name' | 'gid'>>;
  /** Users that only the name service knows. */
  readonly outsideUsers?: readonly PasswdEntry[];
  /** What happened to the machine between the run with before.cfg and now. */
  readonly since?: {
    readonly addresses?: Machine['addresses'];
    readonly lost?: readonly string[];
    readonly isRebooted?: boolean;
  };
  /** Options of the command line. */
  readonly commandLine?: Readonly<Record<string, unknown>>;
}

function makeHost(machine: Machine): FakeHost {
  const host = new FakeHost();
  for (const { name, ...facts } of machine.links) host.addLink(name, facts);
  for (const { dev, address, prefixLength, flags } of machine.addresses) {
    host.addAddress(dev, address, prefixLength, flags);
  }
  for (const { dev, ...facts } of machine.routes ?? []) host.addRoute(dev, facts);
  for (const [path, lines] of Object.entries(machine.files ?? {})) {
    host.fileTable.set(path, { content: lines.join('\n'), mode: 0o644 });
  }
  for (const user of machine.users ?? []) {
    host.users.set(user.name, { ...user, gecos: '' });
    host.passwords.set(user.name, user.password);
  }
  for (const group of machine.groups ?? []) {
    host.groups.set(group.name, { ...group, password: 'x', members: [] });
  }
  host.outside.users.push(...(machine.outsideUsers ?? []));
  return host;
}

function readOptions(path: string, commandLine: Readonly<Record<string, unknown>> = {}) {
  const config = parseConfig(readFileSync(path, 'utf8'), basename(path));
  return parseOptions(mergeOptions(config, commandLine), '/');
}

/** The machine after the run with before.cfg, where there is one, and what happened since. */
async function readHost(name: string, machine: Machine): Promise<FakeHost> {
  const host = makeHost(machine);
  const before = join(folder, name, 'before.cfg');
  if (!existsSync(before)) return host;
  await runFormat(formatInput(host, readOptions(before)));
  const { addresses = [], lost = [], isRebooted = false } = machine.since ?? {};
  if (isRebooted) rebootHost(host, machine.links.length + 1);
  for (const address of lost) host.removeAddress(address);
  const back = isRebooted ? machine.addresses.filter((one) => !lost.includes(one.address)) : [];
  for (const { dev, address, prefixLength } of [...back, ...addresses]) {
    host.addAddress(dev, address, prefixLength);
  }
  return host;
}

async function outcome(name: string): Promise<{ file: string; text: string }> {
  try {
    const text = readFileSync(join(folder, name, 'observed.json'), 'utf8');
    const machine = JSON.parse(text) as Machine;
    const options = readOptions(join(folder, name, 'slapos.cfg'), machine.commandLine);
    const host = await readHost(name, machine);
    const { steps, warnings, notes } = await prepare(formatInput(host, options));
    const lines = warnings.map((warning) => `warning: ${warning}\n`);
    return { file: 'expected-plan.txt', text: `${lines.join('')}${renderPlan(steps, notes)}` };
  } catch (error) {
    if (!isSlaposError(error)) throw error;
    const { code, message, hint, exitCode } = error;
    return { file: 'expected-error.txt', text: `${code} exit ${exitCode}\n${message}\n${hint}\n` };
  }
}

describe('plans', () => {
  it.each(cases)('%s', async (name) => {
    const { file, text } = await outcome(name);
    const path = join(folder, name, file);
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, text);
    expect(text).toBe(readFileSync(path, 'utf8'));
    expect(file.includes('error')).toBe(name.includes('-error-'));
  });
});
