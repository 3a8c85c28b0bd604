/** Asks the server; `../api.ts` says what. Addresses are relative: the page works below any prefix. */
import type {
  PanelInstance,
  PanelInstanceDetail,
  PanelLog,
  PanelOverview,
  PanelPartitionDetail,
  PanelProblem,
  PanelRequest,
  PanelSchema,
  PanelSeries,
} from '../api.ts';

const TIMEOUT_MS = 30_000;

/** What the server refused, or `status` 0 when it did not answer. */
export class ServerProblem extends Error {
  readonly status: number;
  readonly hint: string;
  readonly field: string;

  constructor(status: number, problem: Partial<PanelProblem>) {
    super(problem.problem ?? `The server answered ${status}.`);
    this.status = status;
    this.hint = problem.hint ?? '';
    this.field = problem.field ?? '';
  }
}

type Query = Readonly<Record<string, string>>;

async function ask<T>(path: string, query: Query = {}, body?: unknown): Promise<T> {
  const words = new URLSearchParams(query).toString();
  const response = await fetch(`api/${path}${words === '' ? '' : `?${words}`}`, {
    signal: AbortSignal.timeout(TIMEOUT_MS),
    headers: { accept: 'application/json', 'x-slapos-panel': '1' },
    ...(body === undefined ? {} : postOf(body)),
  }).catch((error: unknown) => {
    throw new ServerProblem(0, {
      problem: 'The server does not answer.',
      hint: error instanceof Error ? error.message : '',
    });
  });
  const answer = (await response.json().catch(() => ({}))) as unknown;
  if (!response.ok) throw new ServerProblem(response.status, answer as Partial<PanelProblem>);
  return answer as T;
}

function postOf(body: unknown): RequestInit {
  return {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-slapos-panel': '1' },
    body: JSON.stringify(body),
  };
}

export const server = {
  overview: () => ask<PanelOverview>('overview'),
  instance: (reference: string) => ask<PanelInstanceDetail>('instance', { reference }),
  partition: (computer: string, partition: string) =>
    ask<PanelPartitionDetail>('partition', { computer, partition }),
  log: (partition: string, name: string) => ask<PanelLog>('log', { partition, name }),
  series: (partition: string, sinceMs: number) =>
    ask<PanelSeries>('series', { partition, since: String(sinceMs) }),
  schema: (url: string, type: string, isShared: boolean) =>
    ask<PanelSchema>('schema', { url, type, shared: isShared ? '1' : '0' }),
  request: (request: PanelRequest) => ask<PanelInstance>('request', {}, request),
  setState: (reference: string, state: PanelInstance['requestedState']) =>
    ask<PanelInstance>('state', {}, { reference, state }),
  actOnService: (partition: string, name: string, action: ServiceAction) =>
    ask<unknown>('service', {}, { partition, name, action }),
};

export type ServiceAction = 'start' | 'stop' | 'restart';
