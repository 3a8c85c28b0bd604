/** What the keeper tells the controller, as typed events (`docs/keeper-protocol.md`). */
import { KeeperFields, type KeeperMessage } from './keeper-message.ts';

/** A process that lives, or lived, under the keeper; (pid, startTicks) is its identity. */
export interface KeeperProcess {
  readonly name: string;
  readonly pid: number;
  /** Start of the process in clock ticks since boot. */
  readonly startTicks: number;
  /** Wall clock of the spawn or of the end. */
  readonly timeMs: number;
  /** The word that came with the request to start it. */
  readonly tag: string;
}

/** How to start the keeper again: program, words of its command line, and what a table needs. */
export interface KeeperCommand {
  readonly program: string;
  readonly words: readonly string[];
  /** RLIMIT_NOFILE that services get, `SOFT:HARD`. */
  readonly files: string;
}

/** What services can be confined with on the keeper's machine. */
export interface ConfinementAbilities {
  /** Version of landlock(7); 0 without. */
  readonly landlock: number;
  /** Mount namespaces. */
  readonly mounts: boolean;
  readonly seccomp: boolean;
  /** Folder of the cgroups of services; '' when they have none. */
  readonly cgroup: string;
  /** Controllers of cgroups that are enabled there. */
  readonly controllers: readonly string[];
}

/** A descriptor that the keeper held for us; ours from now on. */
export interface KeptDescriptor {
  readonly label: string;
  readonly fd: number;
}

/** The step at which a new process failed before exec(2). */
export interface StepFailure {
  readonly step: string;
  readonly errno: number;
  readonly code: string;
  /** The line as it stands in the log of the service. */
  readonly text: string;
}

export type SpawnAnswer =
  | {
      readonly kind: 'spawned';
      readonly process: KeeperProcess;
      /** Ours from now on; -1 when none came. */
      readonly pidfd: number;
      readonly failure?: StepFailure;
    }
  | { readonly kind: 'refused'; readonly name: string; readonly failure: StepFailure };

export interface ExitRecord extends KeeperProcess {
  readonly serial: number;
  /** Exit status, or -1 when a signal ended it or nobody knows. */
  readonly status: number;
  readonly signal: number;
  readonly hasDumpedCore: boolean;
  /** True when the status is not known. */
  readonly isLost: boolean;
}

export type SignalResult = 'sent' | 'gone' | 'failed';

export type KeeperEvent =
  | {
      readonly kind: 'welcome';
      readonly keeperPid: number;
      readonly bootId: string;
      readonly controllerStarts: number;
      /** An earlier controller had been ready: this one takes over. */
      readonly isTakeOver: boolean;
      readonly isStopping: boolean;
      readonly abilities: ConfinementAbilities;
      readonly version: string;
      readonly command: KeeperCommand;
    }
  | { readonly kind: 'stored'; readonly key: string; readonly value: string }
  | {
      readonly kind: 'child';
      readonly process: KeeperProcess;
      readonly isAdopted: boolean;
      readonly pidfd: number;
      readonly kept: readonly KeptDescriptor[];
    }
  | { readonly kind: 'exit'; readonly exit: ExitRecord }
  | { readonly kind: 'synced' }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: SpawnAnswer }
  | {
      readonly kind: 'signalled';
      readonly id: number;
      readonly result: SignalResult;
      readonly code: string;
    }
  | {
      readonly kind: 'upgrading';
      readonly id: number;
      /** Why not; empty when the keeper only waits for the controller to end. */
      readonly code: string;
    }
  | { readonly kind: 'forward'; readonly signal: number }
  | {
      readonly kind: 'reaped';
      readonly pid: number;
      readonly status: number;
      readonly signal: number;
    };

type Decoder = (fields: KeeperFields, fds: readonly number[]) => KeeperEvent;

const DECODERS: Readonly<Record<string, Decoder>> = {
  welcome: (fields) => ({
    kind: 'welcome',
    keeperPid: fields.number('keeper'),
    bootId: fields.text('boot'),
    controllerStarts: fields.number('starts'),
    isTakeOver: fields.flag('ready'),
    isStopping: fields.flag('stopping'),
    version: fields.text('version'),
    command: {
      program: fields.text('program'),
      words: fields.list('word'),
      files: fields.text('files'),
    },
    abilities: {
      landlock: fields.number('landlock'),
      mounts: fields.flag('mounts'),
      seccomp: fields.flag('seccomp'),
      cgroup: fields.text('cgroup'),
      controllers: fields.list('controller'),
    },
  }),
  stored: (fields) => ({ kind: 'stored', key: fields.text('key'), value: fields.text('value') }),
  child: (fields, fds) => ({
    kind: 'child',
    process: decodeProcess(fields),
    isAdopted: fields.flag('adopted'),
    pidfd: decodePidfd(fields, fds),
    kept: decodeKept(fields, fds),
  }),
  exit: (fields) => ({ kind: 'exit', exit: decodeExit(fields) }),
  synced: () => ({ kind: 'synced' }),
  spawned: (fields, fds) => ({
    kind: 'answer',
    id: fields.number('id'),
    answer: {
      kind: 'spawned',
      process: decodeProcess(fields),
      pidfd: decodePidfd(fields, fds),
      ...(fields.text('step') === '' ? {} : { failure: decodeFailure(fields) }),
    },
  }),
  refused: (fields) => ({
    kind: 'answer',
    id: fields.number('id'),
    answer: { kind: 'refused', name: fields.text('name'), failure: decodeFailure(fields) },
  }),
  signalled: (fields) => ({
    kind: 'signalled',
    id: fields.number('id'),
    result: decodeResult(fields.text('result')),
    code: fields.text('code'),
  }),
  upgrading: (fields) => ({
    kind: 'upgrading',
    id: fields.number('id'),
    code: fields.text('code'),
  }),
  forward: (fields) => ({ kind: 'forward', signal: fields.number('signal') }),
  reaped: (fields) => ({
    kind: 'reaped',
    pid: fields.number('pid'),
    status: fields.number('status'),
    signal: fields.number('signal'),
  }),
};

/** The event of a message; undefined for a verb of a newer keeper. */
export function decodeKeeperEvent(
  message: KeeperMessage,
  fds: readonly number[] = [],
): KeeperEvent | undefined {
  if (!Object.hasOwn(DECODERS, message.verb)) return undefined;
  return DECODERS[message.verb]?.(new KeeperFields(message), fds);
}

function decodeProcess(fields: KeeperFields): KeeperProcess {
  return {
    name: fields.text('name'),
    pid: fields.number('pid'),
    startTicks: fields.number('start'),
    timeMs: fields.number('time'),
    tag: fields.text('tag'),
  };
}

function decodePidfd(fields: KeeperFields, fds: readonly number[]): number {
  return fds[Number(fields.text('pidfd') || Number.NaN)] ?? -1;
}

function decodeExit(fields: KeeperFields): ExitRecord {
  return {
    ...decodeProcess(fields),
    serial: fields.number('serial'),
    status: fields.number('status'),
    signal: fields.number('signal'),
    hasDumpedCore: fields.flag('core'),
    isLost: fields.flag('lost'),
  };
}

function decodeFailure(fields: KeeperFields): StepFailure {
  return {
    step: fields.text('step'),
    errno: fields.number('errno'),
    code: fields.text('code'),
    text: fields.text('text'),
  };
}

function decodeKept(fields: KeeperFields, fds: readonly number[]): KeptDescriptor[] {
  return fields.list('keep').flatMap((word) => {
    const colon = word.indexOf(':');
    const fd = fds[Number(word.slice(0, colon))];
    return fd === undefined ? [] : [{ label: word.slice(colon + 1), fd }];
  });
}

function decodeResult(text: string): SignalResult {
  return text === 'sent' || text === 'gone' ? text : 'failed';
}
