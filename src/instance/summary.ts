/** What a pass over the partitions comes to: the final lines and the exit status (spec/grid.md 7.2). */
import type { Logger } from '../log/logger.ts';

export type PartitionOutcome =
  | { readonly kind: 'success' }
  /** Processed in full or found up to date; a promise is not kept in the latter case. */
  | { readonly kind: 'promise'; readonly message: string }
  | { readonly kind: 'failure'; readonly message: string }
  /** The node was told to end. */
  | { readonly kind: 'interrupted' }
  /** The Master went away while the partition was processed. */
  | { readonly kind: 'offline'; readonly message: string };

export interface PartitionReport {
  readonly partitionId: string;
  readonly softwareType: string | undefined;
  readonly outcome: PartitionOutcome;
}

const RULE = '='.repeat(80);

/** Failures win over promises that are not kept. */
export function exitStatus(reports: readonly PartitionReport[]): 0 | 1 | 2 {
  const kinds = new Set(reports.map((report) => report.outcome.kind));
  if (kinds.has('failure')) return 1;
  return kinds.has('promise') ? 2 : 0;
}

export function renderSummary(reports: readonly PartitionReport[]): readonly string[] {
  return [
    'Finished computer partitions.',
    RULE,
    ...renderGroup('Error while processing the following partitions:', reports, 'failure'),
    ...renderGroup('Error with promises for the following partitions:', reports, 'promise'),
  ];
}

/** Logs the summary; in `--log-format json` its first line has the partitions by what became of them. */
export function logSummary(log: Logger, reports: readonly PartitionReport[]): void {
  const [first = '', ...others] = renderSummary(reports);
  const idsOf = (kind: PartitionOutcome['kind']) =>
    reports.filter(({ outcome }) => outcome.kind === kind).map(({ partitionId }) => partitionId);
  log.info(first, {
    event: 'instance.finished',
    processed: reports.length,
    failed: idsOf('failure'),
    promise_failed: idsOf('promise'),
    offline: idsOf('offline'),
  });
  for (const line of others) log.info(line);
}

function renderGroup(
  title: string,
  reports: readonly PartitionReport[],
  kind: PartitionOutcome['kind'],
): readonly string[] {
  const lines = reports.flatMap(({ outcome, partitionId, softwareType }) =>
    outcome.kind === kind && 'message' in outcome
      ? [`  ${partitionId}[${softwareType ?? '(not ready)'}]: ${outcome.message}`]
      : [],
  );
  return lines.length === 0 ? [] : [title, ...lines];
}
