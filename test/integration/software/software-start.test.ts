/** What `slapos node software` does before its pass, in its order (spec/grid.md 1, 2). */
import { spawn } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CancelledError } from '../../../src/errors/slapos-error.ts';
import { encodeMarshal } from '../../../src/slap/marshal.ts';
import { MarshalObject } from '../../../src/slap/marshal-value.ts';
import { requires } from '../../support/requires.ts';
import { runSlapos } from '../../support/run-slapos.ts';
import { type SeenRequest, startScriptedServer } from '../../support/scripted-server.ts';

const ROOT = '/srv/software-start';
const CONFIG = `${ROOT}/slapos.cfg`;
const PIDFILE = `${ROOT}/sr.pid`;

requires('root', 'netns')('slapos node software', () => {
  let server: Awaited<ReturnType<typeof startScriptedServer>>;
  let isSilent = false;

  beforeEach(async () => {
    isSilent = false;
    server = await startScriptedServer(({ target }: SeenRequest) => {
      if (isSilent) return null;
      if (!target.startsWith('/getFullComputerInformation')) return { body: 'done' };
      const lists = { _computer_partition_list: [], _software_release_list: [] };
      const computer = { _computer_id: 'COMP-1', ...lists };
      return { body: encodeMarshal(new MarshalObject('Computer', ['COMP-1'], computer)) };
    });
    for (const folder of ['', '/instance', '/software']) mkdirSync(`${ROOT}${folder}`);
    chownSync(`${ROOT}/software`, 5000, 5000);
    configure();
  });
  afterEach(async () => {
    await server.close();
    rmSync(ROOT, { recursive: true });
  });

  const configure = (more = '', master = server.url) =>
    writeFileSync(
      CONFIG,
      `[slapos]\ncomputer_id = COMP-1\nmaster_url = ${master}\ninstance_root = ${ROOT}/instance\nsoftware_root = ${ROOT}/software\npidfile_software = ${PIDFILE}\n${more}`,
    );
  const run = (...words: string[]) => runSlapos(['node', 'software', '--cfg', CONFIG, ...words]);

  it('asks for root before it looks at any other setting', async () => {
    writeFileSync(CONFIG, '[slapos]\n');
    const argv = ['node', 'software', '--cfg', CONFIG];
    expect((await runSlapos(argv, { uid: 1000 })).status).toBe(5);
    const { status, stderr } = await runSlapos(argv);
    expect(status).toBe(1);
    expect(stderr).toContain(
      'Missing mandatory parameters: computer_id, instance_root, master_url, software_root',
    );
    configure('root_check = FALSE\n');
    expect((await runSlapos(argv, { uid: 1000 })).status).not.toBe(5);
  });

  it.each([
    ['key_file = /k\n', 'Missing mandatory parameters: cert_file, certificate_repository_path'],
    ['[networkcache]\nshadir-ca-file = /nowhere/ca\n', "File '/nowhere/ca' does not exist."],
    [
      '[networkcache]\nsignature-private-key-file = /nowhere/key\n',
      "File '/nowhere/key' does not exist.",
    ],
  ])('checks the settings before the pid file: %j', async (more, message) => {
    configure(more);
    const { status, stderr } = await run();
    expect([status, stderr.includes(message)]).toEqual([1, true]);
    expect(existsSync(PIDFILE)).toBe(false);
    expect(server.seen).toEqual([]);
  });

  it('is refused by a pid file that is held, before the Master is asked', async () => {
    const sleeper = spawn('/bin/sleep', ['100'], { argv0: 'slapos-sleep' });
    writeFileSync(PIDFILE, String(sleeper.pid));
    const { status, stderr } = await run();
    expect(status).toBe(10);
    expect(stderr).toContain(`process ${sleeper.pid} holds the pid file`);
    expect(server.seen).toEqual([]);
    expect(readFileSync(PIDFILE, 'utf8')).toBe(String(sleeper.pid));
    sleeper.kill('SIGKILL');
  });

  it.each(['999999999', 'nonsense', ''])('takes a stale pid file: %j', async (content) => {
    writeFileSync(PIDFILE, content);
    expect((await run()).status).toBe(0);
    expect(existsSync(PIDFILE)).toBe(false);
  });

  it('waits a random delay unless it is told not to', async () => {
    configure('maximal_delay = 1\n');
    expect((await run('--now')).stderr).not.toContain('Waiting');
    const startMs = performance.now();
    const { status, stderr } = await run();
    expect([status, performance.now() - startMs > 900]).toEqual([0, true]);
    expect(stderr).toContain('Waiting 1 seconds before starting (maximal_delay = 1).');
  });

  it.each(['instance', 'software'])('needs its folder %s', async (name) => {
    rmSync(`${ROOT}/${name}`, { recursive: true });
    const { status, stderr } = await run();
    expect(status).toBe(1);
    expect(stderr).toContain(`${ROOT}/${name} does not exist.`);
    expect(existsSync(PIDFILE)).toBe(false);
  });

  it('prepares the folders of the supervisor and does not start it', async () => {
    expect((await run()).status).toBe(0);
    expect(existsSync(`${ROOT}/instance/etc/supervisord.conf`)).toBe(true);
    expect(existsSync(`${ROOT}/instance/sv.sock`)).toBe(false);
  });

  it('fails when the Master is away', async () => {
    configure('', 'http://127.0.0.1:1/');
    expect((await run()).status).toBe(1);
    expect(existsSync(PIDFILE)).toBe(false);
  });

  it('does not wait for a silent Master once it is stopped', async () => {
    isSilent = true;
    const abort = new AbortController();
    const argv = ['node', 'software', '--cfg', CONFIG];
    const running = runSlapos(argv, { signal: abort.signal });
    setTimeout(() => {
      abort.abort(new CancelledError('SLAPOS_ERR_CANCELLED', 'Interrupted.', { exitCode: 130 }));
    }, 300);
    const startMs = performance.now();
    expect((await running).status).toBe(130);
    expect(performance.now() - startMs).toBeLessThan(5000);
    expect(existsSync(PIDFILE)).toBe(false);
  });
});
