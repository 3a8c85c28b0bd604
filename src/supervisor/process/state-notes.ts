/**
 * What outlives a controller: notes that the keeper stores and gives to the next one
 * (spec/supervisor.md 11.4; `store` of docs/keeper-protocol.md). A process keeps the configuration
 * that it was added with, so that the next controller goes on as if nothing had happened.
 */

import type {
  GroupConfig,
  ListenerConfig,
  ProcessConfig,
} from '../configuration/program-config.ts';
import {
  decodeListenerNote,
  decodePoolMemory,
  type ListenerMemory,
  listenerKey,
  type PoolMemory,
} from '../event/event-notes.ts';
import type { LogPaths } from './managed-process.ts';
import { INITIAL_STATUS, type ProcessStatus } from './process-state.ts';

export interface RestoredProcess {
  readonly config: ProcessConfig;
  readonly logs: LogPaths;
  readonly status: ProcessStatus;
  /** Whether the status is one that was noted: each that ever started has one. */
  readonly isNoted: boolean;
  /** What a listener last said. */
  readonly listener: ListenerMemory;
}

export interface RestoredGroup {
  readonly name: string;
  readonly priority: number;
  readonly listener: ListenerConfig | undefined;
  /** What its pool of listeners had not delivered. */
  readonly pool?: PoolMemory;
  readonly processes: readonly RestoredProcess[];
}

interface GroupNote {
  readonly priority: number;
  readonly listener?: ListenerConfig;
  readonly names: readonly string[];
}

/** Boot in which the notes were written: pids and monotonic times mean nothing in another one. */
export const SESSION_KEY = 'session';

/** The mood of a controller that was stopping everything. */
export const LEAVING_KEY = 'leaving';

export function groupKey(group: string): string {
  return `group:${group}`;
}

export function configKey(group: string, name: string): string {
  return `config:${group}:${name}`;
}

export function statusKey(group: string, name: string): string {
  return `status:${group}:${name}`;
}

export function encodeGroupNote(group: GroupConfig): string {
  const note: GroupNote = {
    priority: group.priority,
    ...(group.listener === undefined ? {} : { listener: group.listener }),
    names: group.processes.map(({ name }) => name),
  };
  return JSON.stringify(note);
}

export function encodeConfigNote(config: ProcessConfig, logs: LogPaths): string {
  return JSON.stringify({ config, logs });
}

const STATUS_KEYS = Object.keys(INITIAL_STATUS) as ReadonlyArray<keyof ProcessStatus>;

/** Only what differs from a process that has never run. */
export function encodeStatusNote(status: ProcessStatus): string {
  const changed: Record<string, unknown> = {};
  for (const key of STATUS_KEYS) {
    if (status[key] !== INITIAL_STATUS[key]) changed[key] = status[key];
  }
  return JSON.stringify(changed);
}

function decode<T>(text: string | undefined): T | undefined {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as T;
  } catch {
    return undefined; // A note of another version: as if there were none.
  }
}

function decodeProcess(
  notes: ReadonlyMap<string, string>,
  group: string,
  name: string,
): RestoredProcess[] {
  const stored = decode<{ config: ProcessConfig; logs: LogPaths } | null>(
    notes.get(configKey(group, name)),
  );
  if (!stored?.config || !stored.logs) return [];
  const status = decode<Partial<ProcessStatus>>(notes.get(statusKey(group, name)));
  const listener = decodeListenerNote(notes.get(listenerKey(group, name)));
  const isNoted = status !== undefined;
  return [{ ...stored, status: { ...INITIAL_STATUS, ...status }, isNoted, listener }];
}

/** The groups that earlier controllers left. */
export function decodeNotes(notes: ReadonlyMap<string, string>): RestoredGroup[] {
  return [...notes].flatMap(([key, text]) => {
    if (!key.startsWith('group:')) return [];
    const name = key.slice('group:'.length);
    const note = decode<GroupNote | null>(text);
    if (!Array.isArray(note?.names)) return [];
    const processes = note.names.flatMap((each) => decodeProcess(notes, name, each));
    const pool = note.listener === undefined ? {} : { pool: decodePoolMemory(notes, name) };
    return [{ name, priority: note.priority, listener: note.listener, processes, ...pool }];
  });
}

/** The configuration of a group as it was added. */
export function restoredConfig({
  name,
  priority,
  listener,
  processes,
}: RestoredGroup): GroupConfig {
  const configs = processes.map(({ config }) => config);
  return { name, priority, processes: configs, ...(listener === undefined ? {} : { listener }) };
}
