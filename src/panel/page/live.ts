/**
 * Keeps the overview fresh by server-sent events. A stream that breaks is opened again, later each
 * time; one that is silent is doubted after a while and the overview asked for.
 */
import type { PanelOverview } from '../api.ts';
import { ServerProblem, server } from './server.ts';

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 15_000;
const SILENCE_MS = 20_000;

export interface LiveListener {
  overview(overview: PanelOverview): void;
  /** @param problem why the page is not live; undefined when it is */
  changed(problem: ServerProblem | undefined): void;
}

export function followOverview(listener: LiveListener): void {
  let source: EventSource | undefined;
  let timer = 0;
  let retryMs = FIRST_RETRY_MS;

  function schedule(work: () => void, delayMs: number): void {
    clearTimeout(timer);
    timer = window.setTimeout(work, delayMs);
  }

  function received(overview: PanelOverview): void {
    retryMs = FIRST_RETRY_MS;
    listener.changed(undefined);
    listener.overview(overview);
    schedule(() => void look(), SILENCE_MS);
  }

  /** Asks once; the reason of a failure is known by this only, an EventSource does not tell it. */
  async function look(): Promise<void> {
    try {
      received(await server.overview());
      if (source === undefined || source.readyState === EventSource.CLOSED) open();
    } catch (error) {
      listener.changed(error instanceof ServerProblem ? error : new ServerProblem(0, {}));
      schedule(() => void look(), retryMs);
      retryMs = Math.min(retryMs * 2, LAST_RETRY_MS);
    }
  }

  function open(): void {
    source?.close();
    source = new EventSource('api/events');
    source.addEventListener('overview', (event) => {
      received(JSON.parse((event as MessageEvent<string>).data) as PanelOverview);
    });
    source.addEventListener('error', () => {
      source?.close();
      schedule(() => void look(), 0);
    });
  }

  window.addEventListener('online', () => schedule(() => void look(), 0));
  window.addEventListener('offline', () => {
    source?.close();
    schedule(() => void look(), 0);
  });
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') schedule(() => void look(), 0);
  });
  void look();
}
