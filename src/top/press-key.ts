/** What a key does: the next state, and what is to be done besides. Pure. */
import type { PartitionStatus } from '../status/model.ts';
import { bodyRows, type Seen } from './head.ts';
import type { Key } from './keys.ts';
import { type DetailRow, findPartition, listDetails, listPartitions } from './rows.ts';
import {
  chosenIndex,
  type Effect,
  movePlace,
  type Place,
  SORT_KEYS,
  type SortKey,
  type TopState,
} from './state.ts';
import { listTextLines } from './text-view.ts';

export interface Pressed {
  readonly state: TopState;
  readonly effect?: Effect;
}

const SORT_LETTERS: Readonly<Record<string, SortKey>> = {
  c: 'cpu',
  m: 'mem',
  i: 'io',
  n: 'net',
  d: 'disk',
  p: 'promises',
  a: 'name',
};

const LETTER_KEYS: Readonly<Record<string, Key>> = {
  j: 'down',
  k: 'up',
  h: 'left',
  l: 'right',
  g: 'home',
  G: 'end',
  q: 'escape',
  ' ': 'page-down',
};

const MAX_FILTER = 100;

export function pressKey(before: TopState, key: Key, seen: Seen): Pressed {
  if (key === 'interrupt') return { state: before, effect: { kind: 'quit' } };
  if (key === 'suspend' || key === 'redraw') return { state: before, effect: { kind: key } };
  const state = { ...before, notice: '' };
  if (state.question !== null) return answer(state, state.question, key);
  if (state.isFiltering) return { state: typeFilter(state, key) };
  const meant = typeof key === 'object' ? (LETTER_KEYS[key.typed] ?? key) : key;
  if (isTyped(key, '?')) {
    const isShown = state.text?.subject.kind === 'help';
    return { state: { ...state, text: isShown ? null : { subject: { kind: 'help' }, top: 0 } } };
  }
  if (state.text !== null) return { state: moveText(state, meant, seen) };
  const partition = findPartition(seen.data.status, state.partition);
  if (partition === undefined && isTyped(key, 'q')) return { state, effect: { kind: 'quit' } };
  return partition === undefined
    ? pressInTable(state, meant, seen)
    : pressInPartition(state, meant, seen, partition);
}

function isTyped(key: Key, typed: string): boolean {
  return typeof key === 'object' && key.typed === typed;
}

function answer(state: TopState, question: NonNullable<TopState['question']>, key: Key): Pressed {
  const isYes = typeof key === 'object' && /^y$/i.test(key.typed);
  if (isYes)
    return { state: { ...state, question: null }, effect: { kind: 'restart', ...question } };
  return { state: { ...state, question: null, notice: 'Nothing was restarted.' } };
}

function typeFilter(state: TopState, key: Key): TopState {
  const filtered = (filter: string) => ({
    ...state,
    filter: filter.slice(0, MAX_FILTER),
    partitions: { chosen: null, top: 0 },
  });
  if (typeof key === 'object') return filtered(state.filter + key.typed);
  if (key === 'backspace') return filtered([...state.filter].slice(0, -1).join(''));
  if (key === 'erase-line') return filtered('');
  if (key === 'escape') return { ...filtered(''), isFiltering: false };
  return key === 'enter' ? { ...state, isFiltering: false } : state;
}

/** How far a key moves; undefined when it is none that moves. */
function stepOf(key: Key, height: number): number | undefined {
  const page = Math.max(1, height - 1);
  const steps: Partial<Record<string, number>> = {
    up: -1,
    down: 1,
    'page-up': -page,
    'page-down': page,
    home: Number.NEGATIVE_INFINITY,
    end: Number.POSITIVE_INFINITY,
  };
  return typeof key === 'string' ? steps[key] : undefined;
}

function moveIn(names: readonly string[], place: Place, key: Key, height: number): Place {
  const step = stepOf(key, height);
  return step === undefined ? place : movePlace(names, place, step, height);
}

function moveText(state: TopState, key: Key, seen: Seen): TopState {
  const { data, size } = seen;
  const { text } = state;
  if (text === null) return state;
  if (key === 'escape' || key === 'left') return { ...state, text: null };
  if (key === 'tab' && text.subject.kind === 'log') {
    const channel = text.subject.channel === 'stdout' ? 'stderr' : 'stdout';
    return { ...state, text: { subject: { ...text.subject, channel }, top: null } };
  }
  const height = bodyRows(state, seen);
  const step = stepOf(key, height);
  if (step === undefined) return state;
  const lowest = Math.max(0, listTextLines(state, data, size.columns).length - height);
  const top = Math.max(0, Math.min(lowest, (text.top ?? lowest) + step));
  const isFollowing = text.subject.kind === 'log' && top === lowest && step > 0;
  return { ...state, text: { ...text, top: isFollowing ? null : top } };
}

function pressInTable(state: TopState, key: Key, seen: Seen): Pressed {
  const { data } = seen;
  const rows = listPartitions(data.status.partitions, state);
  const names = rows.map(({ reference }) => reference);
  if (key === 'enter' || key === 'right') {
    const partition = names[chosenIndex(names, state.partitions)] ?? null;
    return { state: { ...state, partition, details: { chosen: null, top: 0 } } };
  }
  if (key === 'escape') return leaveTable(state);
  if (typeof key === 'object') return { state: typeInTable(state, key.typed) };
  return {
    state: { ...state, partitions: moveIn(names, state.partitions, key, bodyRows(state, seen)) },
  };
}

/** The filter goes first, then the program. */
function leaveTable(state: TopState): Pressed {
  if (state.filter === '') return { state, effect: { kind: 'quit' } };
  return { state: { ...state, filter: '' } };
}

function typeInTable(state: TopState, typed: string): TopState {
  const top = { chosen: state.partitions.chosen, top: 0 };
  const sort = (sortBy: SortKey) => ({ ...state, sortBy, isReversed: false, partitions: top });
  const letter = SORT_LETTERS[typed];
  if (letter !== undefined) return sort(letter);
  if (typed === '<' || typed === '>') {
    const at = SORT_KEYS.indexOf(state.sortBy) + (typed === '<' ? -1 : 1) + SORT_KEYS.length;
    return sort(SORT_KEYS[at % SORT_KEYS.length] ?? 'cpu');
  }
  if (typed === 'r') return { ...state, isReversed: !state.isReversed, partitions: top };
  return typed === '/' ? { ...state, isFiltering: true } : state;
}

function pressInPartition(
  state: TopState,
  key: Key,
  seen: Seen,
  partition: PartitionStatus,
): Pressed {
  const rows = listDetails(partition, seen.data.processes);
  const names = rows.map(({ name }) => name);
  const row = rows[chosenIndex(names, state.details)];
  if (key === 'escape' || key === 'left') return { state: { ...state, partition: null } };
  if (key === 'enter' || key === 'right') return { state: openRow(state, row) };
  if (typeof key === 'object') return { state: typeInPartition(state, key.typed, partition, row) };
  return { state: { ...state, details: moveIn(names, state.details, key, bodyRows(state, seen)) } };
}

/** What a row has to say in full. */
function openRow(state: TopState, row: DetailRow | undefined): TopState {
  if (row?.kind === 'service') {
    return { ...state, text: { subject: { kind: 'service', name: row.service.name }, top: 0 } };
  }
  if (row?.kind === 'promise') {
    return { ...state, text: { subject: { kind: 'promise', title: row.promise.title }, top: 0 } };
  }
  return state;
}

function typeInPartition(
  state: TopState,
  typed: string,
  partition: PartitionStatus,
  row: DetailRow | undefined,
): TopState {
  if (typed !== 't' && typed !== 'R') return state;
  if (row?.kind !== 'service') return { ...state, notice: 'Choose a service first.' };
  const service = row.service.name;
  if (typed === 'R') return { ...state, question: { partition: partition.reference, service } };
  return {
    ...state,
    text: { subject: { kind: 'log', service, channel: 'stdout' }, top: null },
  };
}
