/** The reader against Python's configparser on random files. */
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseConfig } from '../../../src/config/read.ts';
import { isSlaposError } from '../../../src/errors/slapos-error.ts';
import { configText } from '../../support/config-texts.ts';
import { findPython, PythonOracle } from '../../support/python-oracle.ts';

const RUNS = Number(process.env['CONFIG_DIFFERENTIAL_RUNS'] ?? 20_000);
const script = join(import.meta.dirname, '../../fixtures/config/oracle.py');
const python = findPython();

/** `{section: dict(items)}` or a refusal, in the form of the oracle. */
function read(text: string): unknown {
  try {
    const config = parseConfig(text, 'oracle.cfg');
    return {
      ok: Object.fromEntries(
        config.sections().map((name) => [name, Object.fromEntries(config.items(name))]),
      ),
    };
  } catch (error) {
    if (!isSlaposError(error)) throw error;
    return { refused: error.code };
  }
}

test.skipIf(python === undefined)(
  `reads ${RUNS} random files as Python's configparser does (needs python3)`,
  async () => {
    const oracle = new PythonOracle(python as string, script);
    let accepted = 0;
    const agrees = fc.asyncProperty(configText, async (text) => {
      const theirs = (await oracle.ask(text)) as { ok?: object };
      const ours = read(text) as { ok?: object };
      if (theirs.ok !== undefined) accepted += 1;
      if (theirs.ok === undefined ? ours.ok === undefined : isDeepStrictEqual(ours, theirs)) return;
      expect.fail(`ours: ${JSON.stringify(ours)}\ntheirs: ${JSON.stringify(theirs)}`);
    });
    await fc.assert(agrees, { numRuns: RUNS });
    oracle.close();
    expect(accepted).toBeGreaterThan(RUNS / 5);
    expect(accepted).toBeLessThan((RUNS * 9) / 10);
  },
  180_000,
);
