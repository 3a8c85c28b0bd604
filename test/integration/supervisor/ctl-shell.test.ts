/** The shell of supervisorctl on a real pseudo-terminal: what an operator sees and may type. */
import { mkdtempSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { packageRoot } from '../../../src/host/package/package-files.ts';
import { CtlScene } from '../../support/ctl-scene.ts';
import { requires } from '../../support/requires.ts';
import { until } from '../../support/supervisor-run.ts';
import { Terminal } from '../../support/terminal.ts';

const PROMPT = 'supervisor>';

requires('root', 'netns')('the shell of supervisorctl', () => {
  const scene = new CtlScene();
  let terminal: Terminal;
  let home: string;

  beforeAll(() => scene.open(), 60_000);

  afterAll(() => scene.run.stop());

  beforeEach(async () => {
    await scene.settle();
    home = mkdtempSync('/srv/home-');
  });

  function command(...args: string[]): string {
    const program = join(packageRoot(), 'dist', 'bin', 'supervisorctl.js');
    return [process.execPath, program, '-c', scene.run.paths.configuration, ...args].join(' ');
  }

  /** Opens a shell, runs a test in it, and leaves it with `exit`. */
  async function inShell(run: () => Promise<void>, args: readonly string[] = []): Promise<void> {
    terminal = new Terminal(command(...args), { HOME: home });
    try {
      await terminal.isAt(PROMPT);
      await run();
      terminal.type('exit\r');
      expect(await terminal.ended).toBe(0);
    } finally {
      terminal.close();
    }
  }

  const historyFile = () => join(home, '.local', 'state', 'slapos', 'supervisorctl-history');

  it('shows the status, says why services failed, and runs what is typed', async () => {
    await inShell(async () => {
      expect(terminal.screen.text).toMatch(
        /^g:fails +FATAL +Exited too quickly.*\n {4}exit status 3 at [-\d]{10} [\d:]{8}; last line: no luck\ufffd$/m,
      );
      // What ended as it should needs no reason.
      expect(terminal.screen.text).toMatch(/^g:ended +EXITED .*\ng:fails/m);
      // The log of g:fails, which rings the bell too.
      terminal.type('tail -f g:fails\r');
      await terminal.sees(/^no luck\\x07$/m);
      terminal.type('\x03');
      await terminal.isAt(PROMPT);
      terminal.type('stop solo\r');
      await terminal.sees(/^solo: stopped$/m);
      await terminal.isAt(PROMPT);
      terminal.type('foo\r');
      await terminal.sees(/^\*\*\* Unknown syntax: foo$/m);
    });
  });

  describe('Tab', () => {
    async function completes(typed: string, result: string): Promise<void> {
      await inShell(async () => {
        terminal.type(`${typed}\t`);
        await terminal.isAt(`${PROMPT} ${result}`);
        terminal.type('\x15');
        await terminal.isAt(PROMPT);
      });
    }

    it('completes actions, processes, groups, signals and topics', async () => {
      await completes('stat', 'status');
      await completes('start solo g:stub', 'start solo g:stubborn');
      await completes('tail so', 'tail solo');
      await completes('tail g:a std', 'tail g:a std');
      await completes('update so', 'update solo');
      await completes('signal WIN', 'signal WINCH');
      await completes('help mai', 'help maintail');
      await completes('start n', 'start n');
    }, 60_000);

    it('lists what there is when several fit', async () => {
      await inShell(async () => {
        terminal.type('stop g:');
        await terminal.isAt(`${PROMPT} stop g:`);
        for (const pause of [100, 0]) {
          terminal.type('\t');
          await sleep(pause);
        }
        await terminal.sees(/^g:\* +g:a +g:again +g:b [\s\S]*g:stubborn\n/m);
        expect(terminal.screen.text).not.toMatch(/^(all|solo:)/m);
        await terminal.isAt(`${PROMPT} stop g:`);
        terminal.type('\x15');
      });
    });
  });

  it('remembers lines for the next shell, in a file of its user alone', async () => {
    await inShell(async () => {
      for (const line of ['pid solo', 'version', 'version', 'shutdown', 'n']) {
        terminal.type(`${line}\r`);
        await terminal.isAt(line === 'shutdown' ? SHUTDOWN_QUESTION : PROMPT);
      }
    });
    // Not the answer.
    expect(readFileSync(historyFile(), 'utf8')).toBe('pid solo\nversion\nshutdown\nexit\n');
    expect(statSync(historyFile()).mode & 0o777).toBe(0o600);
    await inShell(async () => {
      terminal.type('\x1b[A\x1b[A');
      await terminal.isAt(`${PROMPT} shutdown`);
      terminal.type('\x1b[A\x1b[A');
      await terminal.isAt(`${PROMPT} pid solo`);
      terminal.type('\x15');
    });
  });

  it('keeps no history behind a link', async () => {
    const file = join(home, 'history');
    writeFileSync(join(home, 'target'), 'as it was\n');
    symlinkSync(join(home, 'target'), file);
    await inShell(async () => {
      terminal.type('version\r');
      await terminal.sees(/^4\.3\.0$/m);
    }, ['-r', file]);
    expect(readFileSync(join(home, 'target'), 'utf8')).toBe('as it was\n');
  });

  it('ends a followed log by Ctrl-C, and can follow again', async () => {
    await inShell(async () => {
      for (const count of [1, 2]) {
        terminal.type('tail -f g:a\r');
        await terminal.sees(
          new RegExp(`(Press Ctrl-C to exit <==\\s+(hello\\s+)+[\\s\\S]*){${count}}`),
        );
        terminal.type('\x03');
        await terminal.isAt(PROMPT);
      }
      terminal.type('version\r');
      await terminal.sees(/^4\.3\.0$/m);
    });
  });

  it('ends a long wait by Ctrl-C', async () => {
    await scene.call('startProcess', 'g:stays');
    await inShell(async () => {
      terminal.type('stop g:stays\r');
      await until(async () => {
        const services = await scene.run.services();
        return services.find(({ name, statename }) => name === 'stays' && statename === 'STOPPING');
      }, 'the stop to begin');
      terminal.type('\x03');
      await terminal.isAt(PROMPT);
      terminal.type('status g:stays\r');
      await terminal.sees(/^g:stays +STOPPING/m);
    });
    await scene.call('signalProcess', 'g:stays', 'KILL');
  });

  it('throws the typed line away by Ctrl-C, and ends on an empty one', async () => {
    terminal = new Terminal(command(), { HOME: home });
    try {
      await terminal.isAt(PROMPT);
      terminal.type('stop all');
      await terminal.isAt(`${PROMPT} stop all`);
      terminal.type('\x03');
      await terminal.isAt(PROMPT);
      terminal.type('\x03');
      expect(await terminal.ended).toBe(0);
    } finally {
      terminal.close();
    }
  });

  it('brings a service to the foreground', async () => {
    await inShell(async () => {
      terminal.type('fg g:echo\r');
      await terminal.sees(/^==> Press Ctrl-C to exit <==$/m);
      terminal.type('first\r');
      await terminal.sees(/^got first$/m);
      terminal.type('\x03');
      await terminal.sees(/^Exiting foreground$/m);
      await terminal.isAt(PROMPT);
    });
    expect(readFileSync(historyFile(), 'utf8')).toBe('fg g:echo\nexit\n');
  });

  it('says that a service in the foreground ended', async () => {
    await inShell(async () => {
      terminal.type('fg g:echo\r');
      await terminal.sees(/^==> Press Ctrl-C to exit <==$/m);
      await scene.call('stopProcess', 'g:echo');
      terminal.type('late\r');
      await terminal.sees(/^Process got killed\nExiting foreground$/m);
      await terminal.isAt(PROMPT);
    });
  });

  it('ends at the end of input', async () => {
    terminal = new Terminal(command(), { HOME: home });
    await terminal.isAt(PROMPT);
    terminal.type('\x04');
    expect(await terminal.ended).toBe(0);
    terminal.close();
  });
});

const SHUTDOWN_QUESTION = 'Really shut the remote supervisord process down y/N?';
