/** Promises that take long, one after the other: a launch has an end. */
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorMessage } from '../../../src/errors/slapos-error.ts';
import { runPromises } from '../../../src/promise/run-promises.ts';
import { createPromiseSite, type PromiseSite } from '../../support/promise-site.ts';

const PYTHON = '/usr/bin/python3';
const TIMED_OUT = 'Error: Promise timed out after 9 seconds';
const NUMBERS = [1, 2, 3, 4, 5, 6];
const SLOW_PYTHON =
  "    def sense(self):\n        import time; time.sleep(3); self.logger.info('fine')\n";
const SLOW_JAVASCRIPT = `export class RunPromise extends slapos.GenericPromise {
  async sense() {
    await new Promise((resolve) => setTimeout(resolve, 3000));
    this.logger.info('fine');
  }
}
`;

describe.skipIf(!existsSync(PYTHON))('promises whose turn does not come', () => {
  let site: PromiseSite;
  let failure = '';
  let elapsedMs = 0;
  const run = async (totalSeconds: number) => {
    const launch = runPromises(site.context(), site.check('test'), totalSeconds);
    failure = await launch.then(() => '', errorMessage);
  };

  beforeAll(async () => {
    site = createPromiseSite({ timeoutSeconds: 9 });
    for (const number of NUMBERS) {
      site.write(`etc/promise/x${number}`, '#!/bin/sh\nsleep 3; echo fine\n', 0o755);
      site.plugin(`p${number}.py`, SLOW_PYTHON);
      site.write(`etc/plugin/j${number}.mjs`, SLOW_JAVASCRIPT);
    }
    // A later wave: the same title as a plugin.
    site.write('etc/promise/p1', '#!/bin/sh\necho fine\n', 0o755);
    const startedMs = performance.now();
    await run(2);
    elapsedMs = performance.now() - startedMs;
  }, 60_000);
  afterAll(() => site.remove());

  it.each(['x', 'p', 'j'])('count as timed out and stay due: %s', (kind) => {
    for (const number of [1, 2, 3, 4].slice(kind === 'p' ? 1 : 0)) {
      expect(site.result(`${kind}${number}`).result).toMatchObject({
        failed: false,
        message: 'fine',
      });
    }
    for (const number of [5, 6]) {
      const saved = site.result(`${kind}${number}`);
      expect(saved.result).toMatchObject({ failed: true, message: TIMED_OUT });
      expect(saved['execution-time']).toBe(9);
      expect(site.exists(`.slapgrid/promise/cache/${kind}${number}`)).toBe(false);
    }
  });

  it('fail the launch, which ends with what had begun', () => {
    expect(site.result('p1').result).toMatchObject({ failed: true, message: TIMED_OUT });
    expect(failure).toBe(`Promise 'j5.mjs' failed with output: ${TIMED_OUT}`);
    expect(elapsedMs).toBeLessThan(9000);
    expect(site.log.lines).toContain(
      'WARNING The promises of slappart0 took more than 2 s: those that had not begun by then count as timed out.',
    );
  });

  it('need no runner when the time is up at once', async () => {
    const before = site.commandCount();
    await run(0);
    expect(site.commandCount()).toBe(before);
    for (const title of ['x1', 'p2', 'j1']) {
      expect(site.result(title).result).toMatchObject({ failed: true, message: TIMED_OUT });
    }
  });
});
