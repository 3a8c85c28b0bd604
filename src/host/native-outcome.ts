/** Outcome of one operation of a batch of the addon: null when it succeeded, or found nothing. */
export type NativeOutcome = null | {
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;
  readonly detail: string;
  readonly extack: string;
};
