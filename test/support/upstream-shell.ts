/** Command lines of upstream's client in the time that they need themselves. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { ProgramResult, RealNode } from './real-node.ts';

/** A Python that has upstream's `slapos` loaded and runs each command line in a child of its own. */
export class UpstreamShell {
  private readonly node: RealNode;
  private readonly child: ChildProcess;
  private readonly lines: AsyncIterator<string>;
  private readonly reader: Interface;

  constructor(python: string, node: RealNode) {
    this.node = node;
    const words = ['upstream.py', 'upstream-shell.py'].map((name) => {
      return join(import.meta.dirname, name);
    });
    const child = spawn(python, words, {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: node.environment,
    });
    this.child = child;
    this.reader = createInterface({ input: child.stdout });
    this.lines = this.reader[Symbol.asyncIterator]();
  }

  /** One at a time. */
  async run(...argv: readonly string[]): Promise<ProgramResult> {
    const { folder: cwd, environment: env } = this.node;
    this.child.stdin?.write(`${JSON.stringify({ argv, cwd, env })}\n`);
    const { value, done } = await this.lines.next();
    if (done === true) throw new Error(`upstream's shell ended at ${argv.join(' ')}`);
    return JSON.parse(value) as ProgramResult;
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once('close', resolve));
    this.child.stdin?.end();
    await ended;
    this.reader.close();
  }
}
