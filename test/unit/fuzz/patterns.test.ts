/** Regular expressions that a long text makes slow. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const sources = join(import.meta.dirname, '../../../src');
/** `/x+$/` tries each x of a run that does not end the text: quadratic. `/(?<!x)x+$/` only the first. */
const ENDS_OF_RUNS = /(?<!\\)\/(?:\\.|\[[^\]]+\]|[^\\/[\]().^*+\s])[+*]\$\//;

it('no pattern looks for the end of a run from each of its places', () => {
  const files = readdirSync(sources, { recursive: true }).map(String);
  const found = files
    .filter((file) => /\.ts$/.test(file))
    .flatMap((file) => readFileSync(join(sources, file), 'utf8').split('\n'))
    .filter((line) => ENDS_OF_RUNS.test(line));
  expect(found).toEqual([]);
});
