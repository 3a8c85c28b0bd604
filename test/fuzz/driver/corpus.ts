/**
 * The committed inputs of the targets in TypeScript: `corpus/NAME.jsonl`, one input a line as a JSON
 * string whose characters are bytes. Those of the C++ targets are folders, as libFuzzer wants them.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const CORPUS_LIMITS = { inputs: 30, bytes: 2048 } as const;

function corpusFile(root: string, target: string): string {
  return join(root, 'test', 'fuzz', 'corpus', `${target}.jsonl`);
}

export function readCorpus(root: string, target: string): Uint8Array[] {
  const file = corpusFile(root, target);
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  return lines.map((line) => Buffer.from(JSON.parse(line) as string, 'latin1'));
}

export function writeCorpus(root: string, target: string, inputs: readonly Uint8Array[]): void {
  const lines = inputs.map((input) => JSON.stringify(Buffer.from(input).toString('latin1')));
  // What ends lines for some readers but not for JSON.
  const text = lines
    .map((line) => line.replace(/[\x7f-\xa0\xad]/g, escapeByte))
    .sort()
    .join('\n');
  writeFileSync(corpusFile(root, target), `${text}\n`);
}

function escapeByte(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
