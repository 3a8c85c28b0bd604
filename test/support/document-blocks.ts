/** Blocks of shell in a document, to be run as they stand. */
import { readFileSync } from 'node:fs';

export interface DocumentBlock {
  /** The heading above it. */
  readonly section: string;
  /** Number of its first line in the document. */
  readonly line: number;
  readonly script: string;
}

/** Blocks fenced with `sh`, in their order. */
export function readShellBlocks(path: string): DocumentBlock[] {
  const blocks: DocumentBlock[] = [];
  let [section, begun] = ['', -1];
  const lines = readFileSync(path, 'utf8').split('\n');
  for (const [index, line] of lines.entries()) {
    if (begun < 0 && line.startsWith('#')) section = line.replace(/^#+ /, '');
    else if (line === '```sh') begun = index + 1;
    else if (line === '```' && begun >= 0) {
      blocks.push({ section, line: begun + 1, script: lines.slice(begun, index).join('\n') });
      begun = -1;
    }
  }
  return blocks;
}

/** One script of all blocks, which says where it is. */
export function joinBlocks(blocks: readonly DocumentBlock[]): string {
  const parts = blocks.map(({ section, line, script }) => {
    return `echo "== line ${line}: ${section.replaceAll('"', '')}"\n${script}\n`;
  });
  return parts.join('');
}
