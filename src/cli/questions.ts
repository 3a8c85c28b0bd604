/** Questions to whoever runs a command, on standard error; answers come from standard input. */
import type { CommandContext } from './command.ts';

export interface Questions {
  /**
   * Asks until the answer is not empty. What is typed at a secret is not shown.
   * @returns the answer without blanks around it; undefined at the end of the input
   */
  ask(question: string, isSecret: boolean): Promise<string | undefined>;
  close(): void;
}

/** Opens standard input when the first question is asked. */
export function openQuestions({ signal }: Pick<CommandContext, 'signal'>): Questions {
  let opening: Promise<Reader> | undefined;
  return {
    async ask(question, isSecret) {
      opening ??= openReader(signal);
      const reader = await opening;
      for (;;) {
        const line = await reader.next(question, isSecret ? 'secret' : 'answer');
        signal.throwIfAborted();
        if (isSecret && process.stdin.isTTY === true) process.stderr.write('\n');
        if (line === undefined || line.trim() !== '') return line?.trim();
      }
    },
    close() {
      void opening?.then((reader) => reader.close());
    },
  };
}

type Reader = import('../supervisor/ctl/line-reader.ts').LineReader;

async function openReader(signal: AbortSignal): Promise<Reader> {
  const { LineReader } = await import('../supervisor/ctl/line-reader.ts');
  const reader: Reader = new LineReader({
    input: process.stdin,
    output: process.stderr,
    // Decides whether typing is echoed, which is the terminal's at the input.
    isTerminal: process.stdin.isTTY === true,
    history: [],
    complete: () => Promise.resolve([[], '']),
    // The terminal sends no signal while readline reads from it.
    onInterrupt: () => void process.kill(process.pid, 'SIGINT'),
    onHistory: () => {},
  });
  signal.addEventListener('abort', () => reader.cancel(), { once: true });
  return reader;
}
