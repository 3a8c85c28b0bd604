/** Runs `node format` against a FakeHost with options given as a configuration would. */
import { parseConfig } from '../../src/config/read.ts';
import type { DefinitionSections } from '../../src/format/definition.ts';
import type { Facts } from '../../src/format/facts.ts';
import { type FormatInput, formatComputer, prepare } from '../../src/format/format.ts';
import { type FormatOptions, mergeOptions, parseOptions } from '../../src/format/options.ts';
import { silentLogger } from '../../src/log/logger.ts';
import type { Computer } from '../../src/model/computer.ts';
import type { FakeHost } from './fake-host.ts';

export const FACTS: Facts = {
  osType: '["Linux", "debian", "12", "Debian GNU/Linux"]',
  slaposVersion: '1.24.0',
  pythonVersion: '3.11.2',
  publicIpv4Address: null,
};

const DEFAULTS: Readonly<Record<string, string>> = {
  computer_id: 'COMP-1',
  master_url: 'http://127.0.0.1:5000',
  software_root: '/opt/slapgrid',
  instance_root: '/srv/slapgrid',
  computer_xml: '/opt/slapos/slapos.xml',
  partition_amount: '3',
  interface_name: 'br0',
  ipv4_local_network: '10.0.0.0/16',
};

/** Options of a usual node, changed by key; an undefined value removes the key. */
export function formatOptions(
  changes: Readonly<Record<string, string | undefined>> = {},
  commandLine: Readonly<Record<string, unknown>> = {},
): FormatOptions {
  const lines = Object.entries({ ...DEFAULTS, ...changes }).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key} = ${value}`],
  );
  const config = parseConfig(`[slapos]\n[slapformat]\n${lines.join('\n')}\n`, '/etc/slapos.cfg');
  return parseOptions(mergeOptions(config, commandLine), '/');
}

export function formatInput(
  host: FakeHost,
  options: FormatOptions,
  definition?: DefinitionSections,
): FormatInput {
  const ports = { host, partitionFiles: host.partitionFiles };
  return { options, ports, definition, facts: FACTS, log: silentLogger };
}

export interface FakeRun {
  readonly computer: Computer;
  readonly warnings: readonly string[];
}

export async function runFormat(input: FormatInput): Promise<FakeRun> {
  const warnings: string[] = [];
  const { host } = input.ports;
  // The handler makes this folder for its lock.
  await host.files.mkdir('/opt/slapos', { mode: 0o755, isRecursive: true });
  const computer = await formatComputer(input, {
    onPlan: (prepared) => warnings.push(...prepared.warnings),
    onBatch: () => {},
    onAdvance: () => {},
    onWarning: (message) => warnings.push(message),
    now: () => new Date('2026-11-21T02:08:00'),
    signal: new AbortController().signal,
  });
  return { computer, warnings };
}

/** The kinds of the steps that a run would take now. */
export async function plannedKinds(input: FormatInput): Promise<string[]> {
  const { steps } = await prepare(input);
  return steps.map(({ kind }) => kind);
}
