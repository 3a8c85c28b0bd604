/** The texts that fill the screen: help, a log, what a promise or a service has to say. Pure. */
import { wrapCells } from '../log/cell-width.ts';
import { makePrintable } from '../log/printable.ts';
import type { PartitionStatus, PromiseStatus, ServiceStatus } from '../status/model.ts';
import { renderSpan } from './amount.ts';
import type { TopData } from './data.ts';
import type { TextSubject, TopState } from './state.ts';

export const HELP = `slapos node top

  arrows, j k          choose
  PageUp PageDown, g G further, to the first, to the last
  Enter                look into a partition, read a promise or a service in full
  q, Esc               back, then out

  c m i n d p a        sort by cpu, memory, disk traffic, network, disk, promises, name
  < >                  sort by the column before or after
  r                    turn the order round
  /                    show only what contains a text; Esc shows everything again

In a partition
  t                    follow the log of the chosen service; Tab changes to its errors
  R                    restart the chosen service, after a question

Ctrl-L draws anew, Ctrl-Z suspends, Ctrl-C ends.

! marks what failed. SVC is services that run of all, PROM promises that pass of all.
CPU% is of one processor. READ and WRITE are of the disk, IN and OUT of the partition's tap.`;

const TAB = '        ';

/** The lines of the text that is shown, no longer than the screen is wide. */
export function listTextLines(state: TopState, data: TopData, columns: number): string[] {
  const { text } = state;
  if (text === null) return [];
  return listSource(text.subject, state, data).flatMap((one) => wrapCells(one, columns));
}

function listSource(subject: TextSubject, state: TopState, data: TopData): string[] {
  if (subject.kind === 'help') return HELP.split('\n');
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
    timeMs === null
      ? 'never'
      : `${new Date(timeMs).toISOString()}, ${renderSpan(nowMs - timeMs)} ago`;
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
