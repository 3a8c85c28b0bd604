/** The texts that fill the screen: help, a log, what a promise or a service has to say. Pure. */
import { wrapCells } from '../log/cell-width.ts';
import { makePrintable } from '../log/printable.ts';
import type { PartitionStatus, PromiseStatus, ServiceStatus } from '../status/model.ts';
import { renderSpan, renderTime } from './amount.ts';
import type { TopData } from './data.ts';
import type { TextSubject, TopState } from './state.ts';

/** Keys and what they do; a text without keys stands for itself. */
const HELP: ReadonlyArray<readonly [keys: string, meaning: string]> = [
  ['arrows, j k', 'choose'],
  ['PageUp PageDown', 'go further'],
  ['Home End, g G', 'to the first, to the last'],
  ['Enter', 'open a partition; show a promise or a service in full'],
  ['q, Esc', 'back, then out'],
  ['', ''],
  ['c m i n d p a', 'sort by cpu, memory, disk traffic, network, disk, promises, name'],
  ['< >', 'sort by the column before or after'],
  ['r', 'turn the order round'],
  ['/', 'show only what contains a text; Esc shows everything again'],
  ['', ''],
  ['t', 'in a partition: follow the log of the chosen service; Tab changes to its errors'],
  ['R', 'in a partition: restart the chosen service, after a question'],
  ['', ''],
  ['Ctrl-L', 'draw anew'],
  ['Ctrl-Z, Ctrl-C', 'suspend, end'],
  ['', ''],
  ['', '! marks what failed.'],
  ['', 'SVC is services that run of all, PROM promises that pass of all.'],
  ['', 'CPU% is of one processor.'],
  ['', 'READ and WRITE are of the disk, IN and OUT of the tap of the partition.'],
];
const KEYS_WIDTH = 18;

const TAB = '        ';

/** The lines of the text that is shown, no longer than the screen is wide. */
export function listTextLines(state: TopState, data: TopData, columns: number): string[] {
  const { text } = state;
  if (text === null) return [];
  if (text.subject.kind === 'help') return HELP.flatMap((entry) => wrapHelp(entry, columns));
  return listSource(text.subject, state, data).flatMap((one) => wrapCells(one, columns));
}

function wrapHelp([keys, meaning]: (typeof HELP)[number], columns: number): string[] {
  if (keys === '') return wrapCells(meaning, columns);
  const lines = wrapCells(meaning, columns - KEYS_WIDTH);
  return lines.map((text, index) => (index === 0 ? keys : '').padEnd(KEYS_WIDTH) + text);
}

function listSource(
  subject: Exclude<TextSubject, { kind: 'help' }>,
  state: TopState,
  data: TopData,
): string[] {
  if (subject.kind === 'log') return listLog(subject, state, data);
  const partition = data.status.partitions.find(({ reference }) => reference === state.partition);
  const lines =
    subject.kind === 'promise'
      ? describePromise(partition, subject.title, data.status.takenAtMs)
      : describeService(partition, subject.name, data.status.takenAtMs);
  return lines ?? ['It is not there any more.'];
}

function listLog(
  subject: Extract<TextSubject, { kind: 'log' }>,
  { partition }: TopState,
  { log }: TopData,
): string[] {
  const isThis =
    log?.partition === partition &&
    log?.service === subject.service &&
    log?.channel === subject.channel;
  if (log === null || !isThis) return ['Reading…'];
  if (log.problem !== '') return split(log.problem);
  return log.lines.length === 0 ? ['The log is empty.'] : log.lines.flatMap(split);
}

/** Somebody else's text as harmless lines. */
function split(text: string): string[] {
  return makePrintable(text).replaceAll('\t', TAB).split('\n');
}

function describePromise(
  partition: PartitionStatus | undefined,
  title: string,
  nowMs: number,
): string[] | undefined {
  const promise: PromiseStatus | undefined = partition?.promises.find(
    (each) => each.title === title,
  );
  if (promise === undefined) return undefined;
  const { atMs, executionS, hasFailed, message } = promise;
  return [
    `${hasFailed ? '! failed' : 'passed'} ${renderSpan(nowMs - atMs)} ago, in ${executionS.toFixed(1)} s`,
    '',
    ...split(message),
  ];
}

function describeService(
  partition: PartitionStatus | undefined,
  name: string,
  nowMs: number,
): string[] | undefined {
  const service: ServiceStatus | undefined = partition?.services.find((each) => each.name === name);
  if (service === undefined) return undefined;
  const { exitStatus, pid, reason, startedAtMs, state, stoppedAtMs } = service;
  const since = (timeMs: number | null) =>
    timeMs === null ? 'never' : `${renderTime(timeMs)}, ${renderSpan(nowMs - timeMs)} ago`;
  return [
    `state    ${state}`,
    `pid      ${pid ?? 'none'}`,
    `started  ${since(startedAtMs)}`,
    `stopped  ${since(stoppedAtMs)}`,
    `exit     ${exitStatus ?? 'none'}`,
    '',
    ...split(reason === '' ? 'There is nothing more to say about it.' : reason),
  ];
}
