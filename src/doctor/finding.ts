/** What `node doctor` says. */

/** `problem` keeps the node from working, `warning` from working well. */
export type Severity = 'ok' | 'warning' | 'problem';

export interface Finding {
  readonly severity: Severity;
  /** What was looked at, in one or two words. */
  readonly subject: string;
  /** What was found, one sentence. */
  readonly text: string;
  /** What to do about it; empty where nothing is to be done. */
  readonly fix: string;
}

export function fine(subject: string, text: string): Finding {
  return { severity: 'ok', subject, text, fix: '' };
}

export function warning(subject: string, text: string, fix: string): Finding {
  return { severity: 'warning', subject, text, fix };
}

export function problem(subject: string, text: string, fix: string): Finding {
  return { severity: 'problem', subject, text, fix };
}
