/** What the page knows and how it is looked at; every change shows the page again. */
import type { PanelOverview } from '../api.ts';
import { parseRoute, type Route } from './route.ts';

export interface PageState {
  readonly overview: PanelOverview | undefined;
  readonly route: Route;
  /** Why the page is not live; undefined when it is. */
  readonly trouble:
    | { readonly sinceMs: number; readonly message: string; readonly mustSignIn: boolean }
    | undefined;
  readonly filter: string;
  readonly onlyTroubles: boolean;
  readonly showDestroyed: boolean;
}

let state: PageState = {
  overview: undefined,
  route: parseRoute(location.hash),
  trouble: undefined,
  filter: '',
  onlyTroubles: false,
  showDestroyed: false,
};
let isPlanned = false;
let show: () => void = () => undefined;

export function currentState(): PageState {
  return state;
}

export function changeState(change: Partial<PageState>): void {
  state = { ...state, ...change };
  refreshPage();
}

/** Shows the page again, once for all changes of a frame. */
export function refreshPage(): void {
  if (isPlanned) return;
  isPlanned = true;
  // A page in the background gets no frames, and its title and live region still matter.
  const plan = document.visibilityState === 'visible' ? requestAnimationFrame : queueMicrotask;
  plan(() => {
    isPlanned = false;
    show();
  });
}

/** @param work shows the page */
export function onRefresh(work: () => void): void {
  show = work;
}
