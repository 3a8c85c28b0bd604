/** What the dialog of a request knows while it is open. */
import type { PanelOverview } from '../api.ts';

/** What is asked for, as far as it has been said. */
export interface Wish {
  title: string;
  softwareUrl: string;
  softwareType: string;
  isShared: boolean;
  state: 'started' | 'stopped';
  computerId: string;
}

export interface RequestState {
  readonly wish: Wish;
  readonly overview: PanelOverview;
  /** Of an instance that exists only its parameters are changed. */
  readonly isNew: boolean;
  softwareTypes: readonly string[];
  readonly mistakes: Map<string, string>;
  problem: string;
  hint: string;
  isBusy: boolean;
}
