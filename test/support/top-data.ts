/** A node in words, for what shows it. */
import type {
  Consumption,
  NodeStatus,
  PartitionStatus,
  PromiseStatus,
  ServiceStatus,
} from '../../src/status/model.ts';
import type { TopData } from '../../src/top/data.ts';
import { initialState, type Size, type TopState } from '../../src/top/state.ts';

export const NOW_MS = Date.UTC(2026, 10, 21, 12);

export function service(name: string, changes: Partial<ServiceStatus> = {}): ServiceStatus {
  return {
    name,
    state: 'RUNNING',
    pid: 100,
    startedAtMs: NOW_MS - 65_000,
    stoppedAtMs: null,
    exitStatus: null,
    reason: '',
    ...changes,
  };
}

export function promise(title: string, hasFailed: boolean, message = ''): PromiseStatus {
  return { title, hasFailed, message, atMs: NOW_MS - 5000, executionS: 0.5 };
}

export function consumption(changes: Partial<Consumption> = {}): Consumption {
  return {
    atMs: NOW_MS,
    cpu: 0,
    rssBytes: 0,
    processes: 1,
    threads: 1,
    readBytesPerS: 0,
    writeBytesPerS: 0,
    netInBytesPerS: 0,
    netOutBytesPerS: 0,
    diskBytes: null,
    ...changes,
  };
}

export function partition(
  number: number,
  title: string | null,
  changes: Partial<PartitionStatus> = {},
): PartitionStatus {
  const reference = `slappart${number}`;
  return {
    reference,
    path: `/srv/${reference}`,
    user: `slapuser${number}`,
    uid: 1000 + number,
    instance:
      title === null
        ? null
        : {
            title,
            reference: `SOFTINST-${number}`,
            softwareUrl: 'https://example.com/software.cfg',
            softwareType: 'default',
            requestedState: 'started',
          },
    services: [],
    promises: [],
    consumption: null,
    ...changes,
  };
}

export function topData(
  partitions: readonly PartitionStatus[],
  {
    status = {},
    ...changes
  }: Partial<Omit<TopData, 'status'>> & {
    readonly status?: Partial<NodeStatus>;
  } = {},
): TopData {
  const available = { isAvailable: true, reason: '' };
  return {
    status: {
      takenAtMs: NOW_MS,
      computerId: 'COMP-1',
      instanceRoot: '/srv',
      supervisor: available,
      document: available,
      consumption: { ...available, source: 'daemon' },
      partitions,
      ...status,
    },
    machine: {
      load: [1, 0.5, 0.25],
      memoryBytes: { total: 8 * 1024 ** 3, available: 6 * 1024 ** 3 },
      pressure: { cpu: 3, memory: 0, io: 1 },
    },
    intervalMs: 1000,
    figures: "collector's daemon",
    historyOf: () => ({ cpu: [], rssBytes: [] }),
    processes: null,
    log: null,
    ...changes,
  };
}

export function topState(changes: Partial<TopState> = {}): TopState {
  return { ...initialState('cpu', ''), ...changes };
}

export const USUAL_SIZE: Size = { columns: 100, rows: 24 };

/** Texts that do harm to a terminal, or to columns, where they are shown as they are. */
export const HOSTILE: readonly string[] = [
  '\u001b[2J\u001b]0;owned\u0007\u009b31m',
  'a\nb\tc\rd\u2028e\u0000',
  '\u202egnp.exe\u2066',
  `e${'\u0301'.repeat(500)}`,
  '日本語のとても長い題名で画面を広げる',
  '👩‍👩‍👧‍👦🇫🇷\ufe0f한국어',
  '\ud800\udfff\ud800',
  'x'.repeat(100_000),
];
