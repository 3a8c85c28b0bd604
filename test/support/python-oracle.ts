import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';

/** The first Python 3 that runs; undefined when there is none. */
export function findPython(): string | undefined {
  return ['/usr/bin/python3', 'python3'].find(
    (python) => spawnSync(python, ['-c', 'import configparser']).status === 0,
  );
}

/** One Python process that answers a line of JSON for each line of JSON. */
export class PythonOracle {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncIterator<string>;

  constructor(python: string, script: string) {
    this.#child = spawn(python, ['-X', 'utf8', script]);
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async ask(question: unknown): Promise<unknown> {
    this.#child.stdin.write(`${JSON.stringify(question)}\n`);
    const { value, done } = await this.#answers.next();
    if (done === true) throw new Error('the Python process has ended');
    return JSON.parse(value);
  }

  close(): void {
    this.#child.stdin.end();
  }
}
