/** The stock supervisorctl against our daemon, and ours beside it: same words, same statuses. */
import { existsSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { missingFacilities } from '../support/facilities.ts';
import { type CommandResult, runCommand, SupervisorRun } from '../support/supervisor-run.ts';

const STOCK = process.env['SLAPOS_PEER_SUPERVISORCTL'] ?? '/usr/bin/supervisorctl';

function whyNot(): string | undefined {
  const [missing] = missingFacilities(['root', 'netns']);
  if (missing !== undefined) return `${missing.facility} (${missing.reason})`;
  return existsSync(STOCK) ? undefined : `${STOCK} is not installed`;
}

/** What differs from one run to the next. */
function normalise({ status, stdout, stderr }: CommandResult) {
  const text = stdout
    .replace(/pid \d+, uptime [\d:]+/g, 'pid N, uptime T')
    .replace(/^\d+$/gm, 'N')
    .replace(/\w{3} \d\d \d\d:\d\d [AP]M/g, 'TIME');
  return { status, text, stderr };
}

/** Lines that change nothing, or that leave things as they were. */
const LINES = [
  'status',
  'status g:*',
  'status g',
  'status nog: g:a',
  'start g',
  'start nog:',
  'start',
  'start g:a',
  'stop nog:',
  'stop',
  'stop g:b',
  'restart',
  'restart g:a',
  'signal',
  'signal FOO g:a',
  'signal CONT g:a',
  'signal CONT g:b',
  'tail',
  'tail g:a',
  'tail -3 g:a',
  'tail g:a stderr',
  'tail g:',
  'tail -x g:a',
  'tail g:a foo',
  'maintail -x',
  'pid',
  'pid all',
  'pid g:b nope',
  'reread',
  'reread x',
  'update',
  'update nope',
  'add nope',
  'add g',
  'remove nope',
  'remove g',
  'avail',
  'clear nope',
  'clear g:b',
  'version',
  'version x',
  'fg nope',
  'open',
  'help',
  'help tail',
  'foo bar',
];

const reason = whyNot();

describe.skipIf(reason !== undefined)(
  `supervisorctl${reason === undefined ? '' : ` [skipped: ${reason}]`}`,
  () => {
    let run: SupervisorRun;
    const stock = (...args: string[]) =>
      runCommand(STOCK, ['-c', run.paths.configuration, ...args]);

    beforeAll(async () => {
      run = new SupervisorRun();
      await run.writeFiles();
      run.writeGroup('g', { a: "/bin/sh -c 'echo hello; exec sleep 1000'", b: '/bin/true' });
      await run.ensure();
      await run.client.call('supervisor.stopAllProcesses');
      await run.client.call('supervisor.startProcess', 'g:a');
    });

    afterAll(() => run.stop());

    it('starts, shows, tails and stops with the stock client', async () => {
      expect(await stock('start', 'g:b')).toMatchObject({ status: 0, stdout: 'g:b: started\n' });
      const status = await stock('status', 'g:a');
      expect(status.status).toBe(0);
      expect(status.stdout).toMatch(/^g:a {30}RUNNING {3}pid \d+, uptime 0:00:\d\d\n$/);
      expect((await stock('tail', 'g:a')).stdout).toBe('hello\n\n');
      const url = `unix://${run.paths.socket}`;
      expect(await runCommand(STOCK, ['-s', url, 'stop', 'g:a'])).toMatchObject({
        status: 0,
        stdout: 'g:a: stopped\n',
      });
      expect(await stock('start', 'g:a')).toMatchObject({ status: 0 });
    });

    it('updates with the stock client', async () => {
      run.writeGroup('h', { a: '/bin/sleep 1000' });
      expect((await stock('reread')).stdout).toBe('h: available\n');
      expect((await stock('update')).stdout).toBe('h: added process group\n');
      expect((await stock('start', 'h:*')).stdout).toBe('h:a: started\n');
      rmSync(`${run.paths.groupFolder}/h.conf`);
      expect((await stock('update')).stdout).toBe('h: stopped\nh: removed process group\n');
    });

    it.each(LINES)('says the same as the stock client: %s', async (line) => {
      const words = line.split(' ');
      const theirs = normalise(await stock(...words));
      expect(normalise(await run.ctl(...words))).toEqual(theirs);
    });
  },
);
