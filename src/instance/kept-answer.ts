/**
 * What the Master wanted when it last answered, for runs in which it does not (spec/grid.md 7.7):
 * `<instance_root>/var/slapos-master-answer.json`, 0600 and root's. It holds neither parameters nor
 * connection data, which may be secrets of the instances.
 */
import { errorMessage } from '../errors/slapos-error.ts';
import type { GridContext } from '../grid/context.ts';
import type { SlapComputer } from '../slap/master.ts';
import { checkPartitionId } from './partition.ts';

export const KEPT_ANSWER = 'var/slapos-master-answer.json';

export interface KeptPartition {
  readonly partitionId: string;
  readonly requestedState: string;
  readonly softwareReleaseUrl: string | null;
}

export function renderKeptAnswer({ computerId, partitions }: SlapComputer): string {
  const kept = partitions.map(({ partitionId, requestedState, softwareReleaseUrl }) => {
    return { partitionId, requestedState, softwareReleaseUrl };
  });
  return `${JSON.stringify({ computerId, partitions: kept }, undefined, 1)}\n`;
}

/**
 * @returns the partitions, none when the text is about another computer.
 * @throws SyntaxError, TypeError or SlaposError for a text that this module did not write.
 */
export function parseKeptAnswer(text: string, computerId: string): readonly KeptPartition[] {
  const answer = JSON.parse(text) as { computerId: string; partitions: KeptPartition[] };
  if (answer.computerId !== computerId) return [];
  for (const { partitionId } of answer.partitions) checkPartitionId(partitionId);
  return answer.partitions;
}

/**
 * Writes the answer down when it differs from the one before; the pass goes on without. An older one
 * that cannot be replaced goes: no answer is better than one that stops what is started now.
 */
export async function keepAnswer(context: GridContext, computer: SlapComputer): Promise<void> {
  const text = renderKeptAnswer(computer);
  const folder = context.host.openFolder(context.options.instanceRoot);
  const former = await folder.readText(KEPT_ANSWER).catch(() => undefined);
  if (former === text) return;
  try {
    await folder.write(KEPT_ANSWER, text, { mode: 0o600 });
  } catch (error) {
    context.log.warning(`The answer of the Master is not kept: ${errorMessage(error)}, ignoring`);
    await folder.remove(KEPT_ANSWER).catch(() => {});
  }
}

/** The partitions of the last answer, none when there was no answer yet. */
export async function readKeptAnswer(context: GridContext): Promise<readonly KeptPartition[]> {
  const { computerId, instanceRoot } = context.options;
  try {
    const text = await context.host.openFolder(instanceRoot).readText(KEPT_ANSWER);
    return text === undefined ? [] : parseKeptAnswer(text, computerId);
  } catch (error) {
    const reason = errorMessage(error);
    context.log.warning(`${instanceRoot}/${KEPT_ANSWER} is of no use: ${reason}, ignoring`);
    return [];
  }
}
