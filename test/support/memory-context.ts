/** What a pass over a machine in memory is given. */
import { readGridOptions } from '../../src/config/grid-options.ts';
import { parseConfig } from '../../src/config/read.ts';
import type { GridContext } from '../../src/grid/context.ts';
import { silentLogger } from '../../src/log/logger.ts';
import type { SlapMaster } from '../../src/slap/master.ts';
import type { MemoryMachine } from './memory-machine.ts';

interface MemoryContext {
  /** Of `[slapos]`, besides the computer and its Master. */
  readonly settings: Readonly<Record<string, string>>;
  /** Options of the command line. */
  readonly cli: Readonly<Record<string, string | number | boolean>>;
  readonly machine: MemoryMachine;
  readonly master: SlapMaster;
  readonly jobs: number;
}

export function memoryContext({
  settings,
  cli,
  machine,
  master,
  jobs,
}: MemoryContext): GridContext {
  const all = { computer_id: 'COMP-1', master_url: 'http://master/', ...settings };
  const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}`);
  const text = ['[slapos]', ...lines, ''].join('\n');
  return {
    options: readGridOptions(parseConfig(text, 'slapos.cfg'), cli),
    master,
    host: machine.host(),
    managers: [],
    firewall: undefined,
    log: silentLogger,
    progress: () => {},
    env: {},
    now: () => new Date(machine.nowMs),
    random: () => 0.5,
    signal: new AbortController().signal,
    jobs,
  };
}
