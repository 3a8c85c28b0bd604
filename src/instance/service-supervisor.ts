import type { GroupProblem } from '../supervisor/update.ts';

/** The supervisor as the grid uses it (spec/supervisor.md 1.2); tests give a fake. */
export interface ServiceSupervisor {
  /**
   * Makes the running groups what the files of `supervisord.conf.d` describe.
   * @returns what is wrong with files whose groups stay as they were.
   */
  update(): Promise<readonly GroupProblem[]>;
  /** Starts every process of a group without waiting; false when there is no such group. */
  startGroup(group: string): Promise<boolean>;
  /** Starts those processes of a group that never ran, without waiting; false: no such group. */
  startUnstarted(group: string): Promise<boolean>;
  startAll(): Promise<void>;
  /** State names by full process name, `group:process`. */
  listStates(): Promise<ReadonlyMap<string, string>>;
  close(): void;
}
