/** The terminal of this process, for programs that fill it: keys one by one, sizes, being stopped. */
import type { TerminalEvents, TopTerminal } from '../../top/terminal.ts';
import type { CommandContext } from '../command.ts';

const USUAL = { columns: 80, rows: 24 };
/** ISO 8859, or no locale at all: `C` and `POSIX`. */
const NAMED_LOCALES = ['LC_ALL', 'LC_CTYPE', 'LANG'] as const;

/** Whether somebody sits at it and it can do more than print lines. */
export function isInteractive({ env, output }: Pick<CommandContext, 'env' | 'output'>): boolean {
  return output.isTerminal && process.stdin.isTTY === true && env['TERM'] !== 'dumb';
}

/** What locale(7) says of the characters that a terminal shows; nothing said is UTF-8. */
export function isAsciiLocale(env: CommandContext['env']): boolean {
  const named = NAMED_LOCALES.map((name) => env[name]).find((value) => value);
  return named !== undefined && !/utf-?8/i.test(named);
}

export function createRawTerminal({ env, output }: CommandContext): TopTerminal {
  const { stdin, stdout } = process;
  const hooks: Array<readonly [event: string, hook: () => void]> = [];
  const listen = (event: string, hook: () => void) => {
    hooks.push([event, hook]);
    process.prependListener(event as 'exit', hook);
  };
  let events: TerminalEvents | undefined;
  const onData = (text: string | Buffer) => events?.onInput(String(text));
  const onHangUp = () => events?.onHangUp();
  const onResize = () => events?.onResize();
  const giveBack = () => {
    events?.onLeave();
    stdin.setRawMode(false);
  };
  const suspend = () => {
    giveBack();
    // A signal that no handler can take: this program stops here, and goes on with SIGCONT.
    process.kill(process.pid, 'SIGSTOP');
  };
  const goOn = () => {
    stdin.setRawMode(false);
    stdin.setRawMode(true);
    events?.onContinue();
  };
  return {
    size: () => ({ columns: stdout.columns || USUAL.columns, rows: stdout.rows || USUAL.rows }),
    write: (text) => output.write(text),
    hasColors: output.hasColors,
    isAscii: isAsciiLocale(env),
    open(wanted) {
      events = wanted;
      stdin.setEncoding('utf8').setRawMode(true);
      stdin.on('data', onData);
      for (const gone of ['end', 'error']) stdin.on(gone, onHangUp);
      stdout.on('resize', onResize);
      // Before the reports of others, which then stand on the usual screen.
      listen('exit', giveBack);
      listen('uncaughtException', giveBack);
      listen('SIGTSTP', suspend);
      listen('SIGCONT', goOn);
    },
    suspend,
    close() {
      if (events === undefined) return;
      giveBack();
      events = undefined;
      for (const [event, hook] of hooks) process.removeListener(event, hook);
      stdin.removeListener('data', onData);
      // A terminal that is gone may still fail.
      stdout.removeListener('resize', onResize);
      stdin.pause();
    },
  };
}
