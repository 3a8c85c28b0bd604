/** Instances by the references of the panel, and what is told of one. */
import { splitSlave } from '../proxy/slave.ts';
import type { PartitionRow, SlaveRow } from '../proxy/store.ts';
import type { PanelInstance, PanelInstanceDetail } from './api.ts';
import { instanceReference, isInstance, sharedReference } from './instance-name.ts';
import { createContext, type OverviewFacts, renderInstance, renderShared } from './overview.ts';
import { readTexts, renderDictionary, renderParameters, sharedParameters } from './parameters.ts';
import { absent, conflict } from './problem.ts';
import type { PanelRows } from './rows.ts';

export type FoundInstance =
  | { readonly kind: 'own'; readonly row: PartitionRow }
  | { readonly kind: 'shared'; readonly row: SlaveRow; readonly host: PartitionRow | null };

type Rows = Pick<PanelRows, 'partitions' | 'shared'>;

/** @throws PanelError 404 for an unknown one, 409 for a name of several. */
export function findInstance(
  reference: string,
  { partitions, shared }: Rows,
  defaultComputerId: string,
): FoundInstance {
  const own = partitions.filter((row) => isInstance(row) && instanceReference(row) === reference);
  const slaves = shared.filter((row) => sharedReference(row, defaultComputerId) === reference);
  if (own.length + slaves.length > 1) {
    throw conflict(`${reference} is the name of several instances.`, 'Rename one of them.');
  }
  const [row] = own;
  if (row !== undefined) return { kind: 'own', row };
  const [slave] = slaves;
  if (slave === undefined) throw absent(`There is no instance ${reference} any more.`);
  return { kind: 'shared', row: slave, host: hostOf(slave, partitions) };
}

function hostOf(slave: SlaveRow, partitions: readonly PartitionRow[]): PartitionRow | null {
  const host = partitions.find((row) => {
    return row.reference === slave.hostedBy && row.computerReference === slave.computerReference;
  });
  return host ?? null;
}

/** The instance of a title that a user asked for; undefined when there is none here. */
export function findRoot(
  title: string,
  isShared: boolean,
  { partitions, shared }: Rows,
): FoundInstance | undefined {
  if (!isShared) {
    const row = partitions.find((one) => one.title === title && one.requestedBy === '');
    return row === undefined || !isInstance(row) ? undefined : { kind: 'own', row };
  }
  const slave = shared.find((row) => {
    const name = splitSlave(row);
    return name.title === title && name.requestedBy === '';
  });
  if (slave === undefined) return undefined;
  return { kind: 'shared', row: slave, host: hostOf(slave, partitions) };
}

export function renderFound(found: FoundInstance, facts: OverviewFacts): PanelInstance {
  const context = createContext(facts);
  return found.kind === 'own'
    ? renderInstance(found.row, context)
    : renderShared(found.row, context);
}

export function renderDetail(found: FoundInstance, facts: OverviewFacts): PanelInstanceDetail {
  const given =
    found.kind === 'own'
      ? readTexts(found.row.xml)
      : renderDictionary(sharedParameters(found.row, found.host?.slaveInstanceList ?? null));
  return {
    ...renderFound(found, facts),
    parameters: renderParameters(given),
    connection: renderParameters(readTexts(found.row.connectionXml)),
  };
}
