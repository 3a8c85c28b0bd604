/** `slapos node top` on a real terminal, of a real node. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { NodeStatus } from '../../src/status/model.ts';
import type { FullScreen } from '../support/full-screen.ts';
import { OBEYED } from '../support/hostile-texts.ts';
import { isAlive } from '../support/keeper-run.ts';
import { requires } from '../support/requires.ts';
import { until } from '../support/supervisor-run.ts';
import type { Terminal } from '../support/terminal.ts';
import { TopNode } from '../support/top-node.ts';

const EVIL = '\u001b[31mred\u001b]0;owned\u0007\u202egnp';
/** What the shell shows of the modes of its terminal, before and after. */
const BETWEEN_MODES =
  'stty -g; sh -c "echo \\$\\$ >$HOME/pid; exec $TOP"; echo status $?; stty -g; echo end';

requires('root', 'netns')('node top', () => {
  let node: TopNode;
  let terminal: Terminal<FullScreen>;

  beforeAll(async () => {
    node = new TopNode(['greeter', 'mirror', null, `${EVIL} 日本語`]);
    node.promises(0, [
      { title: 'check-url', hasFailed: true, message: 'refused' },
      { title: 'disk', hasFailed: false, message: 'ok' },
    ]);
    node.promises(3, [{ title: 'evil', hasFailed: true, message: `${EVIL}\r\n${EVIL}` }]);
    node.start(1, 'sleep', '1000');
    startEvil();
    await node.run.writeFiles();
    node.run.writeGroup('slappart0', {
      broken: '/bin/false',
      web: `/bin/sh -c 'printf "started\\\\033[2J\\\\007 evil\\\\n"; exec sleep 1000'`,
    });
    await node.run.ensure();
    await node.run.client.call('supervisor.startProcessGroup', 'slappart0');
  });

  /** A process of a partition whose name is no text. */
  function startEvil(): void {
    const program = join(node.run.root, '\u001b[31mx\u009b');
    copyFileSync('/bin/sleep', program);
    chmodSync(program, 0o755);
    node.start(3, program, '1000');
  }

  afterEach(() => terminal?.close());
  afterAll(() => node.remove());

  const screen = () => terminal.screen;
  const rowOf = (text: string) => screen().lines.findIndex((one) => one.includes(text));

  async function settled(check: () => boolean, what: string): Promise<void> {
    await until(() => (check() ? true : undefined), what).catch(() => {
      throw new Error(`not ${what}:\n${screen().text}`);
    });
  }

  async function ends(status = 0): Promise<void> {
    expect(await terminal.ended).toBe(status);
    expect(screen().isAlternate).toBe(false);
    expect(screen().modes.get('25')).toBe(true);
    expect(screen().modes.get('7')).toBe(true);
    expect(screen().problems).toEqual([]);
  }

  it('is driven through its keys', async () => {
    terminal = node.open(['--interval', '250ms', '--sort', 'name']);
    await terminal.sees(/^>!slappart0 .* !1\/2 +!1\/2 greeter/m);
    expect(screen().isAlternate).toBe(true);
    expect(screen().text).toMatch(/services 1 of 2 run !1 failed {2}promises 3 !2 failed/);
    expect(screen().text).toMatch(/figures own samples \((bpf|procfs)\)/);
    expect(screen().text).toMatch(/^ {2}slappart2 .* free$/m);
    expect(screen().styleOf(rowOf('greeter'), '!1/2')).toContain('31');
    terminal.type('r');
    await settled(() => rowOf('slappart3') < rowOf('slappart0'), 'turned round');
    terminal.type('p');
    await settled(() => rowOf('slappart0') < rowOf('slappart3'), 'sorted by promises');
    terminal.type('/mirr');
    await terminal.sees(/^Only with: mirr_$/m);
    await settled(() => rowOf('greeter') < 0, 'filtered');
    terminal.type('\x1b');
    await terminal.sees(/greeter/);
    terminal.type('g\r');
    await terminal.sees(/^>!broken +EXITED +- +- exit status 1 at /m);
    await terminal.sees(/^ !check-url +failed +\S+ ago refused$/m);
    await terminal.sees(/^ {2}sleep +\d+ +[\d.]+ +[\d.]+[KM] +1$/m);
    terminal.type('jj\r');
    await terminal.sees(/^! failed \S+ ago, in 0\.3 s$/m);
    terminal.type('qk');
    await terminal.sees(/^> web +RUNNING/m);
    terminal.type('t');
    await terminal.sees(/^started\\x1b\[2J\\x07 evil$/m);
    terminal.type('?');
    await terminal.sees(/Ctrl-Z, Ctrl-C +suspend/);
    terminal.type('qq');
    await settled(() => rowOf('SERVICES') < 0 && rowOf('PARTITION') > 0, 'back');
    terminal.type('q');
    await ends();
  });

  it('restarts a service when it is told yes', async () => {
    const pidOf = async () =>
      (await node.run.services()).find(({ name }) => name === 'web')?.pid ?? 0;
    const before = await pidOf();
    terminal = node.open(['--filter', 'greeter']);
    await terminal.sees(/greeter/);
    terminal.type('\r');
    await terminal.sees(/^>!broken/m);
    terminal.type('jRn');
    await terminal.sees(/^Nothing was restarted\.$/m);
    expect(await pidOf()).toBe(before);
    terminal.type('R');
    await terminal.sees(/^Restart slappart0:web\? y\/N$/m);
    terminal.type('y');
    await terminal.sees(/^slappart0:web was restarted\.$/m);
    const after = await pidOf();
    expect(after).not.toBe(before);
    await terminal.sees(new RegExp(`^> web +RUNNING +${after} `, 'm'));
    terminal.type('\x03');
    await ends();
  });

  it('shows hostile content harmlessly, in straight columns', async () => {
    terminal = node.open(['--sort', 'name', '--interval', '250ms'], { columns: 160 });
    await terminal.sees(/slappart3 .*\\x1b\[31mred\\x1b\]0;owned\\x07\\u202e/);
    const promises = ['slappart0', 'slappart3'].map((name) =>
      screen().columnOf(rowOf(name), name === 'slappart0' ? '!1/2 g' : '!0/1'),
    );
    expect(promises[0]).toBe(promises[1]);
    terminal.type('G\r');
    await terminal.sees(/^ {2}\\x1b\[31mx(\\x9b|\ufffd) +\d+/m);
    await terminal.sees(/^>!evil +failed .* \\x1b\[31mred.*\\u202egnp/m);
    terminal.type('\r');
    await terminal.sees(/^\\x1b\[31mred\\x1b\]0;owned\\x07\\u202egnp$/m);
    terminal.type('qqq');
    await ends();
  });

  it('follows the size of its terminal', async () => {
    terminal = node.open([], { shell: 'tty >$HOME/tty; exec $TOP', env: { HOME: node.run.root } });
    await terminal.sees(/greeter/);
    const tty = readFileSync(join(node.run.root, 'tty'), 'utf8').trim();
    for (const [columns, rows] of [
      [40, 8],
      [150, 40],
    ] as const) {
      screen().resize(columns, rows);
      execFileSync('stty', ['-F', tty, 'cols', String(columns), 'rows', String(rows)]);
      await settled(() => screen().lines[rows - 1]?.startsWith('? help') === true, `${columns}`);
      await terminal.sees(/slappart3/);
    }
    terminal.type('q');
    await terminal.ended;
    expect(screen().modes.get('25')).toBe(true);
  });

  describe('gives the terminal back', () => {
    /** Starts it between two looks at the modes of its terminal. */
    async function start(env: Readonly<Record<string, string>> = {}): Promise<number> {
      const home = node.run.root;
      terminal = node.open([], { shell: BETWEEN_MODES, env: { HOME: home, ...env } });
      await terminal.sees(/greeter/);
      return Number(readFileSync(join(home, 'pid'), 'utf8'));
    }

    async function ended(status: number): Promise<void> {
      await terminal.sees(/^end$/m);
      await ends();
      const modes = screen().lines.filter((text) => /^[0-9a-f:]{30,}/.test(text));
      expect(modes.length).toBe(2);
      expect(modes[1]).toBe(modes[0]);
      expect(screen().text).toContain(`status ${status}\n`);
    }

    it('after a signal', async () => {
      process.kill(await start(), 'SIGTERM');
      await ended(0);
    });

    it('after a bug, which it tells on the screen that stays', async () => {
      const hook = join(import.meta.dirname, '../support/crash-on-signal.cjs');
      process.kill(await start({ NODE_OPTIONS: `--require=${hook}` }), 'SIGUSR2');
      await ended(1);
      expect(screen().text).toContain('a bug of the test');
    });

    it('while it is stopped, and takes it again', async () => {
      terminal = node.open([], { shell: 'exec sh -i' });
      await terminal.sees(/^prompt>$/m);
      terminal.type('$TOP\r');
      await terminal.sees(/greeter/);
      terminal.type('\x1a');
      await settled(() => !screen().isAlternate, 'back on the usual screen');
      await terminal.sees(/Stopped[\s\S]*^prompt>$/m);
      terminal.type('echo typed and seen\r');
      await terminal.sees(/^typed and seen$/m);
      terminal.type('fg\r');
      await settled(() => screen().isAlternate, 'on its own screen');
      await terminal.sees(/greeter/);
      terminal.type('q');
      // Until the shell has the terminal again, what is typed goes to who had it.
      await terminal.isAt('prompt>');
      terminal.type('exit\r');
      await ends();
    });
  });

  it('ends when its terminal is gone, also when it was told not to care', async () => {
    const shell = 'trap "" HUP; echo $$ >$HOME/pid; exec $TOP --interval 250ms';
    terminal = node.open([], { shell, env: { HOME: node.run.root } });
    await terminal.sees(/greeter/);
    const pid = Number(readFileSync(join(node.run.root, 'pid'), 'utf8'));
    terminal.close();
    await until(() => (isAlive(pid) ? undefined : true), 'its end');
  });

  describe('without a terminal', () => {
    const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
      const [file = '', ...words] = node.words(...args);
      return spawnSync(file, words, {
        encoding: 'utf8',
        env: { PATH: process.env['PATH'] ?? '', ...env },
      });
    };

    it('writes one plain table', () => {
      const { status, stderr, stdout } = run(['--interval', '250ms', '--sort', 'name']);
      expect([status, stderr]).toEqual([0, '']);
      expect(stdout).toMatch(/^ !slappart0 .* !1\/2 +!1\/2 greeter$/m);
      expect(stdout).toMatch(/^! slappart0:broken EXITED {2}exit status 1 at /m);
      expect(stdout).toMatch(/^! slappart0 promise check-url: refused$/m);
      for (const line of stdout.split('\n')) expect(line).not.toMatch(OBEYED);
    });

    it('writes the model as JSON', () => {
      const { status, stdout } = run(['--interval', '250ms', '--once', '--format', 'json']);
      expect(status).toBe(0);
      const model = JSON.parse(stdout) as NodeStatus;
      expect(model.computerId).toBe('COMP-1');
      expect(model.consumption.source).toBe('samples');
      const evil = model.partitions.find(({ reference }) => reference === 'slappart3');
      expect(evil?.instance?.title).toBe(`${EVIL} 日本語`);
      expect(evil?.consumption?.processes).toBe(1);
      expect(stdout.trimEnd()).not.toMatch(OBEYED);
    });

    it('writes a line of JSON at each interval, until nobody reads', async () => {
      const [file = '', ...words] = node.words('--interval', '250ms', '--format', 'json');
      const child = spawn(file, words, { stdio: ['ignore', 'pipe', 'inherit'] });
      let text = '';
      child.stdout.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
      });
      const ended = new Promise((resolve) => child.on('exit', resolve));
      await until(() => (text.split('\n').length > 3 ? true : undefined), 'three lines');
      const times = text
        .split('\n')
        .slice(0, 3)
        .map((line) => (JSON.parse(line) as NodeStatus).takenAtMs);
      expect(times).toEqual([...times].sort((a, b) => a - b));
      child.stdout.destroy();
      expect(await ended).toBe(0);
    });

    it('says what cannot be seen without root', () => {
      chmodSync(node.cfg, 0o644);
      const [file = '', ...words] = node.words('--once', '--interval', '250ms');
      const { status, stdout } = spawnSync(file, words, {
        encoding: 'utf8',
        uid: 65_534,
        gid: 65_534,
        cwd: '/',
        env: { PATH: process.env['PATH'] ?? '', HOME: '/' },
      });
      expect(status).toBe(0);
      expect(stdout).toContain('services unknown');
      expect(stdout).toMatch(/! Only root may ask the supervisor/);
      expect(stdout).toMatch(/^ {2}slappart1 /m);
    });

    it('refuses what it does not know', () => {
      expect(run(['--sort', 'colour']).status).toBe(2);
      expect(run(['--interval', '1h']).status).toBe(2);
    });
  });

  it('prints a table on a terminal that can do no more', async () => {
    terminal = node.open(['--interval', '250ms'], { env: { TERM: 'dumb' } });
    expect(await terminal.ended).toBe(0);
    expect(screen().text).toMatch(/slappart0 .* greeter/);
    expect(screen().problems).toEqual([]);
  });

  it('has no colours with NO_COLOR and no more than ASCII in a plain locale', async () => {
    terminal = node.open(['--sort', 'name'], { env: { NO_COLOR: '1', LANG: 'C' } });
    await terminal.sees(/slappart3/);
    expect(screen().styleOf(rowOf('greeter'), '!1/2')).toBe(';7;1');
    expect(screen().text).toMatch(/^[\n -~]*$/);
    terminal.type('q');
    await ends();
  });
});
