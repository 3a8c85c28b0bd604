/**
 * Our supervisorctl beside the stock one, both against our daemon in the same state: the same
 * bytes on both outputs and the same exit status.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../../src/host/package/package-files.ts';
import { CtlScene, maskRun } from '../support/ctl-scene.ts';
import { missingFacilities } from '../support/facilities.ts';
import { type CommandResult, runCommand, until } from '../support/supervisor-run.ts';

const STOCKS = [process.env['SLAPOS_PEER_SUPERVISORCTL'] ?? '', '/usr/bin/supervisorctl'];
const STOCK = STOCKS.find((path) => existsSync(path)) ?? '';
const OURS = join(packageRoot(), 'dist', 'bin', 'supervisorctl.js');

function whyNot(): string | undefined {
  const [missing] = missingFacilities(['root', 'netns']);
  if (missing !== undefined) return `${missing.facility} (${missing.reason})`;
  return STOCK === '' ? 'no stock supervisorctl is installed' : undefined;
}

type Client = (args: readonly string[], input?: string) => Promise<CommandResult>;

const stock: Client = (args, input) => runCommand(STOCK, args, input);
const ours: Client = (args, input) => runCommand(process.execPath, [OURS, ...args], input);

/** Lines that leave everything as it is. */
const LOOKS = [
  ...['status', 'status all', 'status g:*', 'status g:', 'status g', 'status solo'],
  ...['status g:a', 'status g:a solo', 'status solo:solo', 'status nope', 'status nog:'],
  ...['status nog: g:a', 'status nope g:ended', 'status g:a g:a', 'status watchdog'],
  ...['start', 'start g:a', 'start nope', 'start nog:', 'start nog:*', 'start g:nope', 'start g'],
  ...['start g:missing', 'start g:plain', 'start g:folder', 'start g:missing nope g:a'],
  ...['start g:again', 'start g:never', 'start g:quick'],
  ...[
    'stop',
    'stop g:b',
    'stop nope',
    'stop nog:',
    'stop g',
    'stop g:ended g:nope',
    'stop g:fails',
  ],
  ...['restart', 'restart nope', 'restart nog:', 'restart g:missing'],
  ...['signal', 'signal HUP', 'signal FOO g:a', 'signal FOO all', 'signal FOO g:', 'signal 0 g:a'],
  ...['signal CONT g:a', 'signal SIGCONT g:a', 'signal cont g:a', 'signal 18 g:a solo'],
  ...['signal CONT g:b', 'signal CONT nope', 'signal CONT nog:', 'signal CONT g:*'],
  ...['signal CONT all', 'signal 999 g:a', 'signal -1 g:a'],
  ...['tail', 'tail g:a', 'tail g:a stdout', 'tail g:a stderr', 'tail -3 g:a', 'tail -0 g:a'],
  ...['tail -3 g:a stderr', 'tail g:', 'tail g:*', 'tail nope', 'tail nog:x', 'tail g:missing'],
  ...[
    'tail g:b',
    'tail g:b stderr',
    'tail g:a foo',
    'tail g:a foo bar',
    'tail a b c d',
    'tail g:a foo stdout',
    'tail foo g:a stdout',
    'tail -3 g:a foo',
  ],
  ...['tail -3 g:a foo bar', 'tail g:a stdout -f x'],
  ...['tail -x g:a', 'tail -3x g:a', 'tail - g:a', 'tail -f', 'tail -3', 'tail -f nope'],
  ...['tail -f g:missing', 'tail -f g:a bad'],
  ...['maintail -x', 'maintail x', 'maintail -1 x', 'maintail -f x'],
  ...['pid', 'pid all', 'pid g:a', 'pid g:b', 'pid nope', 'pid g:a g:b nope', 'pid g:', 'pid g:*'],
  ...['reread', 'reread x', 'update', 'update all', 'update nope', 'update g', 'update g nope'],
  ...['add', 'add nope', 'add g', 'add g nope solo', 'remove', 'remove nope', 'remove g'],
  ...['remove g nope', 'avail', 'avail x'],
  ...['clear', 'clear nope', 'clear g:b', 'clear g:', 'clear g:*', 'clear nog:', 'clear g:b nope'],
  ...['version', 'version x', 'shutdown x', 'reload x', 'open', 'open x', 'open ftp://x'],
  ...['fg', 'fg nope', 'fg g:b', 'fg g:a solo', 'fg g:', 'fg nog:x'],
  ...['foo', 'foo bar', 'quit', 'exit', 'EOF', '?', '!', '! ls', '? tail', '?tail'],
  'help',
  ...['add', 'avail', 'clear', 'exit', 'fg', 'maintail', 'open', 'pid', 'quit', 'reload'].map(help),
  ...['remove', 'reread', 'restart', 'shutdown', 'signal', 'start', 'status', 'stop', 'tail'].map(
    help,
  ),
  ...['update', 'version', 'help', 'nope'].map(help),
];

function help(name: string): string {
  return `help ${name}`;
}

/** Lines that change something; what they change is put back before the other client. */
const CHANGES = [
  ...[
    'start g:b',
    'start g:b solo g:a',
    'start solo',
    'stop g:a',
    'stop g:a solo g:b',
    'stop solo',
  ],
  ...['stop g:stubborn', 'restart g:a', 'restart g:b', 'restart solo g:a', 'restart g:a nope'],
  ...['signal KILL g:a', 'signal TERM solo', 'clear g:a'],
];

/** A socket file whose server is gone. */
async function leaveSocket(path: string): Promise<void> {
  const script = `s=require("net").createServer();s.listen(process.argv[1],()=>process.kill(process.pid,9))`;
  await runCommand(process.execPath, ['-e', script, path]);
}

/** Lines for a daemon that is not there, or is about to go. */
const DOWN = [
  ...['status', 'status --', 'pid', 'pid all', 'pid g:a', 'start g:a', 'start g:', 'start all'],
  ...['stop g:a', 'stop all', 'restart g:a', 'signal HUP g:a', 'signal HUP all', 'clear g:a'],
  ...['reread', 'update', 'add g', 'remove g', 'avail', 'tail g:a', 'maintail', 'version'],
  ...['fg g:a', 'shutdown', 'reload', 'foo', 'help pid', 'tail', 'start'],
];

async function expectSame(commands: ReadonlyArray<readonly string[]>): Promise<void> {
  const theirs: unknown[] = [];
  const own: unknown[] = [];
  for (const words of commands) {
    theirs.push([words, maskRun(await stock(words))]);
    own.push([words, maskRun(await ours(words))]);
  }
  expect(own).toEqual(theirs);
}

/** Lines of shells that read from a pipe. */
const SHELLS = [
  [],
  ['status g:a', '', '   ', 'foo', 'quit'],
  ['exit', 'pid'],
  ['pid', 'EOF', 'pid'],
  ['shutdown', 'n', 'reload', '', 'version'],
  ['shutdown x', 'help', '?', 'help stop', '? start', '!ls'],
  ['stop g:a', 'start g:a', 'status g:a solo', 'tail -5 g:a stderr'],
  ['open', 'open x', 'add nope', 'fg', 'fg nope', 'tail -f nope'],
];

const reason = whyNot();

describe.skipIf(reason !== undefined)(
  `supervisorctl beside the stock one${reason === undefined ? '' : ` [skipped: ${reason}]`}`,
  () => {
    const scene = new CtlScene();
    const common = () => ['-c', scene.run.paths.configuration];

    beforeAll(() => scene.open(), 60_000);

    afterAll(() => scene.run.stop());

    it.each(LOOKS)('%s', async (line) => {
      const words = [...common(), ...line.split(' ')];
      const [theirs, own] = [maskRun(await stock(words)), maskRun(await ours(words))];
      expect(own).toEqual(theirs);
    });

    it.each(SHELLS)('a shell that reads %j', async (...lines) => {
      const input = lines.map((line) => `${line}\n`).join('');
      await scene.settle();
      const theirs = maskRun(await stock(common(), input));
      await scene.settle();
      expect(maskRun(await ours(common(), input))).toEqual(theirs);
    });

    it('the options before the action', async () => {
      const url = `unix://${scene.run.paths.socket}`;
      const wrong = ['-z', '--zz', '-c', '--con', '--help=3', '--s', '-c /nowhere/x'];
      for (const text of [...wrong, `--ser ${url} pid g:b`, '-s foo status']) {
        const words = text.split(' ');
        const [theirs, own] = [await stock(words), await ours(words)];
        const shown = theirs.stderr.replaceAll(STOCK, 'supervisorctl');
        expect([text, maskRun(own)]).toEqual([text, maskRun({ ...theirs, stderr: shown })]);
      }
    });

    it('a socket that is not there, and one where nobody listens', {
      timeout: 60_000,
    }, async () => {
      const stale = join(scene.run.root, 'stale.sock');
      await leaveSocket(stale);
      const urls = [`unix://${scene.run.root}/none`, `unix://${stale}`, 'http://127.0.0.1:1'];
      await expectSame(urls.flatMap((url) => DOWN.map((line) => ['-s', url, ...line.split(' ')])));
    });

    it('a service in the foreground', async () => {
      const words = [...common(), 'fg', 'g:a'];
      // The stock client says so, and then may wait for ever or trip over its own thread.
      const theirs = await runCommand('timeout', ['-s', 'KILL', '3', STOCK, ...words]);
      const own = await ours(words);
      // What the logs say comes in whenever it is read.
      const said = ({ stdout }: CommandResult) =>
        stdout.replace(/hello\n|oops\n|error: .*AttributeError.*\n/g, '');
      expect([own.status, said(own)]).toEqual([0, said(theirs)]);
    });

    it('a line given as one word', async () => {
      const words = [...common(), 'status   g:a  solo'];
      expect(maskRun(await ours(words))).toEqual(maskRun(await stock(words)));
    });

    it.each(CHANGES)('%s', async (line) => {
      const words = [...common(), ...line.split(' ')];
      await scene.settle();
      const theirs = maskRun(await stock(words));
      await scene.settle();
      expect(maskRun(await ours(words))).toEqual(theirs);
      await scene.settle();
    });

    // The last one: the daemon ends.
    it('a daemon that shuts down', { timeout: 60_000 }, async () => {
      await scene.call('startProcess', 'g:stays');
      const { pid } = (await scene.run.info()).find(({ name }) => name === 'stays') ?? { pid: 0 };
      await scene.call('shutdown');
      await until(async () => {
        const { stdout } = await ours([...common(), 'version']);
        return stdout.includes('SHUTDOWN_STATE') ? true : undefined;
      }, 'the shutdown');
      await expectSame(DOWN.map((line) => [...common(), ...line.split(' ')]));
      process.kill(pid, 'SIGKILL');
    });
  },
);
