/** `slapos node status|start|stop|restart|tail|supervisorctl` as an operator runs them. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { packageRoot } from '../../../src/host/package/package-files.ts';
import { CtlScene } from '../../support/ctl-scene.ts';
import { requires } from '../../support/requires.ts';
import { runCommand } from '../../support/supervisor-run.ts';
import { Terminal } from '../../support/terminal.ts';

requires('root', 'netns')('the aliases of supervisorctl', () => {
  const scene = new CtlScene();
  const program = join(packageRoot(), 'dist', 'bin', 'slapos.js');
  let cfg: string;

  beforeAll(async () => {
    await scene.open();
    cfg = join(scene.run.root, 'slapos.cfg');
    const lines = ['[slapos]', `instance_root = ${scene.run.root}`, 'computer_id = COMP-1'];
    writeFileSync(cfg, [...lines, 'master_url = http://127.0.0.1:1/', ''].join('\n'));
  }, 60_000);

  afterAll(() => scene.run.stop());

  const slapos = (verb: string, ...words: string[]) =>
    runCommand(process.execPath, [program, 'node', verb, '--cfg', cfg, ...words]);

  it('give what supervisorctl gives', async () => {
    for (const words of [['status'], ['status', 'g:b'], ['stop', 'nope'], ['start', 'nog:']]) {
      const [verb = '', ...rest] = words;
      const theirs = await scene.run.ctl(...words);
      const plain = (text: string) => text.replace(/uptime [\d:]+/g, '');
      const { status, stdout } = await slapos(verb, ...rest);
      expect([words, status, plain(stdout)]).toEqual([words, theirs.status, plain(theirs.stdout)]);
    }
    expect((await slapos('restart', 'solo')).stdout).toBe('solo: stopped\nsolo: started\n');
    expect((await slapos('tail', '-5', 'g:a', 'stderr')).stdout).toBe('oops\n\n');
    expect((await slapos('supervisorctl', 'version')).stdout).toBe('4.3.0\n');
  });

  it('say why in a pipe when asked, and in JSON', async () => {
    for (const word of ['--why', '-v']) {
      const { stdout, status } = await slapos('status', word, 'g:fails');
      expect(stdout).toMatch(
        /^g:fails +FATAL .*\n {4}exit status 3 at .*; last line: no luck\ufffd\n$/,
      );
      expect(status).toBe(3);
    }
    const rows = await slapos('supervisorctl', 'status', '--format', 'json', 'g:fails');
    expect(JSON.parse(rows.stdout)).toMatchObject([
      { name: 'fails', statename: 'FATAL', last_exit: { status: 3, signal: '', known: true } },
    ]);
    const none = await slapos('supervisorctl', 'status', '--format=json', 'nope');
    expect(JSON.parse(none.stdout)).toEqual([]);
  });

  it('give the model of the node in JSON, with the same exit status', async () => {
    for (const words of [[], ['g:fails'], ['g:a'], ['nope'], ['g:a', 'nope']]) {
      const { status, stderr, stdout } = await slapos('status', '--format', 'json', ...words);
      const text = await slapos('status', ...words);
      expect([words, status, stderr]).toEqual([
        words,
        text.status,
        words.includes('nope') ? 'nope: ERROR (no such process)\n' : '',
      ]);
      expect(JSON.parse(stdout)).toMatchObject({ supervisor: { isAvailable: true } });
    }
  });

  it.each([
    ['tail', ['-f', 'g:a']],
    ['tail', ['g:a', '-f']],
    ['supervisorctl', ['tail', '-f', 'g:a']],
  ])('follow a log until Ctrl-C: %s %j', async (verb, words) => {
    const command = [process.execPath, program, 'node', verb, '--cfg', cfg, ...words].join(' ');
    const terminal = new Terminal(command);
    try {
      await terminal.sees(/^==> Press Ctrl-C to exit <==\n(.*\n)*hello\n/m);
      terminal.type('\x03');
      expect(await terminal.ended).toBe(0);
    } finally {
      terminal.close();
    }
  });
});
