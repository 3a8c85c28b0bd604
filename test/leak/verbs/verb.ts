/** A verb that runs over and over in one process. */
export interface Passes {
  /** The n-th pass. */
  readonly pass: (index: number) => Promise<void>;
  readonly end?: () => Promise<void> | void;
  /** Processes besides our own that must stay flat. */
  readonly processes?: () => ReadonlyArray<{ readonly name: string; readonly pid: number }>;
}

export interface Verb {
  readonly name: string;
  /** Of the usual number of passes; 1 when absent. */
  readonly share?: number;
  /** Whether it changes the machine, and hence wants the private namespace. */
  readonly needsNamespace?: boolean;
  readonly prepare: () => Promise<Passes> | Passes;
}
