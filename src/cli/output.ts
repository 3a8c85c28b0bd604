/** Standard output of a command: data only. Logs, progress and questions go to standard error. */
export interface Output {
  /** Writes text as it is. */
  write(text: string): void;
  /** Writes text and a newline. */
  line(text: string): void;
  readonly isTerminal: boolean;
  /** Width of the terminal, or `$COLUMNS`, or 80. */
  readonly columns: number;
  /** Whether ANSI colours may be used. */
  readonly hasColors: boolean;
}
