/** The terminal as `node top` needs it; who knows the process provides it. */
import type { Size } from './state.ts';

export interface TerminalEvents {
  /** What was typed, as it came. */
  readonly onInput: (text: string) => void;
  readonly onResize: () => void;
  /** The program was stopped and goes on, on a terminal that may show anything. */
  readonly onContinue: () => void;
  /** The terminal is gone. */
  readonly onHangUp: () => void;
  /** The terminal is given back: the program stops, ends, or fails. Called at once, not later. */
  readonly onLeave: () => void;
}

export interface TopTerminal {
  size(): Size;
  write(text: string): void;
  readonly hasColors: boolean;
  /** Shows no characters beyond ASCII. */
  readonly isAscii: boolean;
  /** Keys come one by one and unseen from now on. */
  open(events: TerminalEvents): void;
  /** Stops this program, as Ctrl-Z does; the shell's `fg` lets it go on. */
  suspend(): void;
  close(): void;
}
