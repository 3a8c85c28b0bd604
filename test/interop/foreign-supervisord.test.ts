/** A stock supervisord on the socket of a node: used as it is, said, and not run over. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../../src/host/package/package-files.ts';
import { missingFacilities } from '../support/facilities.ts';
import { runCommand, SupervisorRun, until } from '../support/supervisor-run.ts';

const CLIENT = process.env['SLAPOS_PEER_SUPERVISORCTL'] ?? '/usr/bin/supervisorctl';
const STOCK = CLIENT.replace(/ctl$/, 'd');

function whyNot(): string | undefined {
  const [missing] = missingFacilities(['root', 'netns']);
  if (missing !== undefined) return `${missing.facility} (${missing.reason})`;
  return existsSync(STOCK) ? undefined : `${STOCK} is not installed`;
}

const reason = whyNot();

describe.skipIf(reason !== undefined)(
  `a stock supervisord${reason === undefined ? '' : ` [skipped: ${reason}]`}`,
  () => {
    let run: SupervisorRun;
    let cfg: string;

    const slapos = (...words: string[]) => {
      const program = join(packageRoot(), 'dist', 'bin', 'slapos.js');
      return runCommand(process.execPath, [
        program,
        'node',
        words[0] ?? '',
        '--cfg',
        cfg,
        ...words.slice(1),
      ]);
    };

    beforeAll(async () => {
      run = new SupervisorRun();
      cfg = join(run.root, 'slapos.cfg');
      const lines = ['[slapos]', `instance_root = ${run.root}`, 'computer_id = COMP-1'];
      writeFileSync(cfg, [...lines, 'master_url = http://127.0.0.1:1/', ''].join('\n'));
      await run.writeFiles();
      run.writeGroup('g', { a: '/bin/sleep 1000', b: "/bin/sh -c 'exit 3'" });
      const { status, stderr } = await runCommand(STOCK, ['-c', run.paths.configuration]);
      expect([status, stderr.includes('Error')]).toEqual([0, false]);
      await until(
        () =>
          run.info().then(
            () => true,
            () => undefined,
          ),
        'the stock daemon',
      );
    });

    afterAll(() => run.stop());

    it('is used by every command', async () => {
      expect((await slapos('start', 'g:a', 'g:b')).stdout).toContain('g:a: started\n');
      await until(
        async () => ((await slapos('status', 'g:b')).stdout.includes('EXITED') ? 1 : undefined),
        'the end',
      );
      expect((await slapos('status', 'g:a')).stdout).toMatch(/^g:a +RUNNING +pid \d+, uptime/);
      // It does not tell why.
      const { stdout, status } = await slapos('status', '--why', 'g:b');
      expect([stdout.trimEnd().split('\n').length, status]).toEqual([1, 3]);
      expect(
        JSON.parse((await slapos('supervisorctl', 'status', '--format', 'json', 'g:b')).stdout),
      ).toMatchObject([{ name: 'b', exitstatus: 3 }]);
    });

    it('stays, and node supervisord says so', async () => {
      const { pid } = run;
      const { status, stderr } = await slapos('supervisord');
      expect(status).toBe(0);
      expect(stderr).toContain(`Another supervisord (process ${pid}) runs the services`);
      expect(run.pid).toBe(pid);
    });

    it('makes way when it is told to', async () => {
      const { pid } = run;
      expect((await slapos('supervisorctl', 'shutdown')).stdout).toBe('Shut down\n');
      await until(() => (existsSync(run.paths.socket) ? undefined : true), 'its end');
      const { status, stderr } = await slapos('supervisord');
      expect([status, stderr.includes('Another supervisord')]).toEqual([0, false]);
      expect(Number(readFileSync(run.paths.pidFile, 'utf8'))).not.toBe(pid);
    });
  },
);
