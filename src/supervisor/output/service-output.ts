/**
 * Output that passes through the daemon (spec/supervisor.md 11.7, pipe mode): of channels that
 * capture, make events, go to the system log or lose their escape sequences. Every other service
 * writes to its log file by itself.
 */
import { readSync } from 'node:fs';
import { Socket } from 'node:net';
import { StringDecoder } from 'node:string_decoder';
import type { ChannelConfig } from '../configuration/program-config.ts';
import type { SupervisorEvent } from '../event/event.ts';
import type { ManagedProcess } from '../process/managed-process.ts';
import type { MainLog } from './main-log.ts';
import { OutputFilter } from './output-filter.ts';

export type Channel = 'stdout' | 'stderr';

/** Our ends of the pipes of a process. */
export type OutputFds = { readonly [channel in Channel]?: number };

/** Labels under which the keeper holds the reading ends for the next controller. */
export const OUTPUT_LABELS = { stdout: 'stdout-log', stderr: 'stderr-log' } as const;

/** A log that the daemon writes on behalf of a service. */
export interface OutputLog {
  write(data: Buffer): void;
  reopen(): void;
  close(): void;
}

export interface ServiceOutputPorts {
  readonly log: MainLog;
  readonly isAnsiStripped: boolean;
  emit(event: SupervisorEvent): void;
  /** Opens the log of a channel, which may be nowhere. */
  openLog(process: ManagedProcess, channel: Channel): OutputLog;
  /** Hands lines to the system log. */
  writeSyslog(lines: readonly string[]): void;
}

/** True when the output of a channel has to pass through the daemon. */
export function needsPipe(
  channel: ChannelConfig,
  daemon: { readonly isAnsiStripped: boolean; readonly isOutputCopied: boolean },
): boolean {
  if (channel.captureMaxBytes > 0 || channel.isEventsEnabled || channel.isSyslog) return true;
  return daemon.isOutputCopied || (daemon.isAnsiStripped && channel.target.kind !== 'none');
}

/** The most that is read after the end: a child of the process may go on writing for ever. */
const MOST_DRAINED_BYTES = 1024 * 1024;
const CHUNK_BYTES = 64 * 1024;

function payloadHead({ config, groupName, status }: ManagedProcess): string {
  return `processname:${config.name} groupname:${groupName} pid:${status.pid}`;
}

/** One channel of one running process. */
class OutputChannel {
  readonly #process: ManagedProcess;
  readonly #channel: Channel;
  readonly #ports: ServiceOutputPorts;
  readonly #fd: number;
  readonly #socket: Socket;
  readonly #filter: OutputFilter;
  readonly #decoder = new StringDecoder('utf8');
  readonly log: OutputLog;
  #line = '';

  constructor(process: ManagedProcess, channel: Channel, fd: number, ports: ServiceOutputPorts) {
    this.#process = process;
    this.#channel = channel;
    this.#ports = ports;
    this.#fd = fd;
    const { captureMaxBytes } = this.#config;
    this.#filter = new OutputFilter({ captureMaxBytes, isAnsiStripped: ports.isAnsiStripped });
    this.log = ports.openLog(process, channel);
    this.#socket = new Socket({ fd, readable: true, writable: false });
    // Its end is told by the end of the process.
    this.#socket.on('error', () => {});
    this.#socket.on('data', (chunk: Buffer) => this.#receive(chunk));
  }

  /** Reads what is there and closes. */
  finish(): void {
    this.#drain();
    this.#socket.destroy();
    for (const { data } of this.#filter.end()) this.#record(data);
    if (this.#line !== '') this.#ports.writeSyslog([this.#tagged(this.#line)]);
    this.log.close();
  }

  /** Closes our end without reading: what is there is for the next controller. */
  release(): void {
    this.#socket.destroy();
    this.log.close();
  }

  get #config(): ChannelConfig {
    return this.#process.config[this.#channel];
  }

  #drain(): void {
    const buffer = Buffer.alloc(CHUNK_BYTES);
    try {
      for (let total = 0; total < MOST_DRAINED_BYTES && !this.#socket.destroyed; ) {
        const length = readSync(this.#fd, buffer, 0, buffer.length, null);
        if (length === 0) return;
        total += length;
        this.#receive(Buffer.from(buffer.subarray(0, length)));
      }
    } catch {
      // EAGAIN: that was all.
    }
  }

  #receive(chunk: Buffer): void {
    for (const { kind, data } of this.#filter.push(chunk)) {
      if (kind === 'log') this.#record(data);
      else if (kind === 'captured') this.#tell(data);
      else this.#emit('PROCESS_COMMUNICATION', '', data.toString('utf8'));
    }
  }

  #record(data: Buffer): void {
    this.log.write(data);
    this.#tell(data);
  }

  #tell(data: Buffer): void {
    const { isEventsEnabled, isSyslog } = this.#config;
    const { log } = this.#ports;
    if (isEventsEnabled) {
      this.#emit('PROCESS_LOG', ` channel:${this.#channel}`, this.#decoder.write(data));
    }
    if (isSyslog) this.#sendLines(data.toString('utf8'));
    log.write('DEBG', `'${this.#process.config.name}' ${this.#channel} output:\n${data}`);
  }

  #emit(kind: string, more: string, data: string): void {
    if (data === '') return;
    this.#ports.emit({
      name: `${kind}_${this.#channel.toUpperCase()}`,
      payload: `${payloadHead(this.#process)}${more}\n${data}`,
    });
  }

  /** Whole lines only; the rest waits. */
  #sendLines(text: string): void {
    const lines = (this.#line + text).split('\n');
    this.#line = lines.pop() ?? '';
    const whole = lines.filter((line) => line !== '');
    if (whole.length > 0) this.#ports.writeSyslog(whole.map((line) => this.#tagged(line)));
  }

  #tagged(line: string): string {
    return `${this.#process.config.name} ${line}`;
  }
}

/** The channels of all processes in pipe mode. */
export class ServiceOutputs {
  readonly #ports: ServiceOutputPorts;
  readonly #channels = new Map<ManagedProcess, readonly OutputChannel[]>();

  constructor(ports: ServiceOutputPorts) {
    this.#ports = ports;
  }

  /** Starts to follow a process; the descriptors are ours from now on. */
  attach(process: ManagedProcess, fds: OutputFds): void {
    const channels = (['stdout', 'stderr'] as const).flatMap((channel) => {
      const fd = fds[channel];
      return fd === undefined ? [] : [new OutputChannel(process, channel, fd, this.#ports)];
    });
    if (channels.length > 0) this.#channels.set(process, channels);
  }

  /** The process has ended: everything that it wrote is recorded before this returns. */
  finish(process: ManagedProcess): void {
    for (const channel of this.#channels.get(process) ?? []) channel.finish();
    this.#channels.delete(process);
  }

  /** Lets go of every process as it is: another controller goes on with them. */
  freeze(): void {
    for (const channels of this.#channels.values()) for (const each of channels) each.release();
    this.#channels.clear();
  }

  /** Opens the logs again, after somebody renamed them. */
  reopen(): void {
    for (const channels of this.#channels.values()) for (const { log } of channels) log.reopen();
  }
}
