/** What the actions of supervisorctl share: the connection, the output, the exit status. */
import { errorCode } from '../../errors/slapos-error.ts';
import { isUnreachable, type SupervisorClient } from '../client.ts';
import { isRpcFault, type RpcFault } from '../rpc/xml-rpc.ts';

/** Where an action writes, and what ends it early. */
export interface CtlStreams {
  write(text: string): void;
  writeError(text: string): void;
  /** Aborted by Ctrl-C while a log is followed. */
  readonly signal: AbortSignal;
}

/** What one run of supervisorctl is given. */
export interface CtlRun extends CtlStreams {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  /** True when a person sits at both ends. */
  readonly isTerminal: boolean;
}

export interface CtlSession extends CtlStreams {
  /** Another one after `open`. */
  client: SupervisorClient;
  readonly isInteractive: boolean;
  /** True when a person looks at what is written. */
  readonly isTerminal: boolean;
  /** What the process ends with; actions set it when something went wrong. */
  exitStatus: number;
  /** Set by `exit`. */
  isEnded: boolean;
  /** The next line of input; undefined at its end. With `isSecret` it is not shown. */
  ask(question: string, isSecret?: boolean): Promise<string | undefined>;
}

/** Exit statuses of spec/supervisor.md 5, named as in the LSB. */
export const EXIT = {
  GENERIC: 1,
  INVALID_ARGS: 2,
  STOPPED_PROCESS: 3,
  UNKNOWN: 4,
  NOT_RUNNING: 7,
  /** As for a process that SIGINT ended. */
  INTERRUPTED: 130,
} as const;

export interface CtlAction {
  readonly name: string;
  /** Lines of usage, each with its meaning after tabs. */
  readonly help: string;
  /** Lines on what only ours takes, shown on a terminal. */
  readonly moreHelp?: string;
  run(session: CtlSession, args: readonly string[]): Promise<void>;
}

export function line(session: CtlStreams, text: string): void {
  session.write(`${text}\n`);
}

/** `Error: …` and the usage of an action. */
export function refuse(
  session: CtlSession,
  action: Pick<CtlAction, 'help'>,
  message: string,
  status: number = EXIT.GENERIC,
): void {
  line(session, `Error: ${message}`);
  session.exitStatus = status;
  line(session, action.help);
}

/** A message without the usage. */
export function refuseBriefly(session: CtlSession, message: string): void {
  line(session, message);
  session.exitStatus = EXIT.GENERIC;
}

/** Group and process of a name as typed; the process is undefined for `group:` and `group:*`. */
export function splitName(name: string): { group: string; process: string | undefined } {
  const colon = name.indexOf(':');
  if (colon < 0) return { group: name, process: name };
  const process = name.slice(colon + 1);
  return {
    group: name.slice(0, colon),
    process: process === '' || process === '*' ? undefined : process,
  };
}

/** The `errno` code of why nothing answers. */
export function unreachableCode(error: unknown): string {
  return errorCode((error as { cause?: unknown }).cause);
}

/**
 * True when the supervisor answers; otherwise says why and sets the exit status.
 */
export async function isUp(session: CtlSession): Promise<boolean> {
  try {
    await session.client.call('supervisor.getVersion');
    return true;
  } catch (error) {
    if (!isUnreachable(error)) throw error;
    const code = unreachableCode(error);
    const { address } = session.client;
    if (code === 'ECONNREFUSED') {
      line(session, `${address} refused connection`);
      session.exitStatus = EXIT.UNKNOWN;
    } else if (code === 'ENOENT') {
      line(session, `${address} no such file`);
      session.exitStatus = EXIT.NOT_RUNNING;
    } else throw error;
    return false;
  }
}

/** Runs a call and returns its fault instead of throwing it. */
export async function faultOf(run: () => Promise<unknown>): Promise<RpcFault | undefined> {
  try {
    await run();
    return undefined;
  } catch (error) {
    if (isRpcFault(error)) return error;
    throw error;
  }
}
