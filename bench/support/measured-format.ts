/** The verb itself, in this process, with a clock at every batch of steps. */
import { setTimeout as sleep } from 'node:timers/promises';
import { readConfig } from '../../src/config/read.ts';
import { type FormatInput, formatComputer, prepare } from '../../src/format/format.ts';
import { mergeOptions, parseOptions } from '../../src/format/options.ts';
import type { Step, StepKind } from '../../src/format/step.ts';
import { createHost } from '../../src/host/create-host.ts';
import { createBeneathFiles } from '../../src/host/file.ts';
import { silentLogger } from '../../src/log/logger.ts';

/** As the C floor: the kernel looks at the carriers of new links for a moment. */
const PAUSE_MS = 100;

const KERNEL_KINDS: ReadonlySet<StepKind> = new Set(['deviceCreate', 'link', 'address', 'route']);

export interface KernelTimes {
  /** Taps and tuns. */
  readonly devicesMs: number;
  /** Links, addresses and routes. */
  readonly networkMs: number;
  /** Processor time of the process, all threads, meanwhile. */
  readonly cpuMs: number;
  /** Links, addresses and routes as `node format` reads them back. */
  readonly dumpMs: number;
}

function formatInput(configPath: string): FormatInput {
  return {
    options: parseOptions(mergeOptions(readConfig(configPath), {}), '/'),
    ports: { host: createHost(), partitionFiles: createBeneathFiles() },
    facts: { osType: '[]', slaposVersion: '', pythonVersion: '', publicIpv4Address: null },
    log: silentLogger,
  };
}

/** The steps of a run that would start now. */
export async function planSteps(configPath: string): Promise<readonly Step[]> {
  return (await prepare(formatInput(configPath))).steps;
}

/** Formats for real. */
export async function measureKernelWork(configPath: string): Promise<KernelTimes> {
  const input = formatInput(configPath);
  const spentMs = new Map<StepKind, number>();
  let cpuMs = 0;
  let current:
    | { readonly kind: StepKind; readonly startMs: number; readonly cpuMs: number }
    | undefined;
  const turnTo = (kind?: StepKind) => {
    const nowMs = performance.now();
    const { user, system } = process.cpuUsage();
    const nowCpuMs = (user + system) / 1000;
    if (current !== undefined) {
      const { kind: former, startMs } = current;
      spentMs.set(former, (spentMs.get(former) ?? 0) + nowMs - startMs);
      if (KERNEL_KINDS.has(former)) cpuMs += nowCpuMs - current.cpuMs;
    }
    current = kind && { kind, startMs: nowMs, cpuMs: nowCpuMs };
  };
  await formatComputer(input, {
    onPlan: () => {},
    onBatch: ({ kind }) => turnTo(kind),
    onAdvance: () => {},
    onWarning: (message) => void process.stderr.write(`${message}\n`),
    now: () => new Date(),
    signal: new AbortController().signal,
  });
  turnTo();
  await sleep(PAUSE_MS);
  const beforeDumpMs = performance.now();
  await input.ports.host.network.dump();
  const dumpMs = performance.now() - beforeDumpMs;
  const of = (kind: StepKind) => spentMs.get(kind) ?? 0;
  return {
    devicesMs: of('deviceCreate'),
    networkMs: of('link') + of('address') + of('route'),
    cpuMs,
    dumpMs,
  };
}
