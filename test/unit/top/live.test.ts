import { beforeEach, describe, expect, it } from 'vitest';
import type { FocusView, NodeView } from '../../../src/top/feed.ts';
import { type LiveOptions, runLive } from '../../../src/top/live.ts';
import type { TerminalEvents, TopTerminal } from '../../../src/top/terminal.ts';
import { FullScreen } from '../../support/full-screen.ts';
import { until } from '../../support/supervisor-run.ts';
import { partition, service, topData, topState } from '../../support/top-data.ts';

const NODE: NodeView = {
  ...topData([partition(0, 'greeter', { services: [service('web')] }), partition(1, 'mirror')]),
  isSettled: true,
};
const NOTHING: FocusView = { processes: null, log: null };

class FakeTerminal implements TopTerminal {
  readonly screen = new FullScreen(80, 24);
  readonly hasColors = false;
  readonly isAscii = false;
  events: TerminalEvents | undefined;
  suspended = 0;

  size() {
    return { columns: 80, rows: 24 };
  }
  write(text: string) {
    this.screen.write(text);
  }
  open(events: TerminalEvents) {
    this.events = events;
  }
  suspend() {
    this.suspended += 1;
    this.events?.onLeave();
  }
  close() {
    this.events = undefined;
  }
}

describe('runLive', () => {
  let terminal: FakeTerminal;
  let controller: AbortController;
  let readNode: () => Promise<NodeView>;
  let looks: number;
  let restarted: string[];

  beforeEach(() => {
    terminal = new FakeTerminal();
    controller = new AbortController();
    [looks, restarted] = [0, []];
    readNode = async () => NODE;
  });

  function start(changes: Partial<LiveOptions> = {}): Promise<void> {
    return runLive({
      terminal,
      state: topState(),
      intervalMs: 1,
      signal: controller.signal,
      restart: async (name) => {
        restarted.push(name);
        return `${name} was restarted.`;
      },
      feed: {
        historyOf: () => ({ cpu: [], rssBytes: [] }),
        readFocus: async () => NOTHING,
        readNode: () => {
          looks += 1;
          return readNode();
        },
      },
      ...changes,
    });
  }

  const sees = (wanted: RegExp) =>
    until(() => (wanted.test(terminal.screen.text) ? true : undefined), String(wanted));
  const type = (text: string) => terminal.events?.onInput(text);

  it('takes keys that come in pieces, and a lone escape after a moment', async () => {
    const ended = start();
    await sees(/^> slappart0/m);
    type('\x1b');
    type('[');
    type('B');
    await sees(/^> slappart1/m);
    type('/mirr\r');
    await sees(/only mirr/);
    type('\x1b');
    await sees(/slappart0/);
    type('q');
    await ended;
    expect(terminal.screen.isAlternate).toBe(false);
    expect(terminal.screen.problems).toEqual([]);
  });

  it('tells of a look that fails, and goes on looking', async () => {
    const ended = start();
    await sees(/slappart0/);
    readNode = () => Promise.reject(new Error('no such luck'));
    await sees(/^Looking failed: no such luck$/m);
    const before = looks;
    readNode = async () => ({ ...NODE, status: { ...NODE.status, computerId: 'COMP-2' } });
    await sees(/^COMP-2/);
    expect(terminal.screen.text).not.toContain('Looking failed');
    expect(looks).toBeGreaterThan(before);
    controller.abort();
    await ended;
  });

  it('has one look under way at a time, and obeys keys meanwhile', async () => {
    const ended = start();
    await sees(/slappart0/);
    let underWay = 0;
    let most = 0;
    let release: () => void = () => {};
    readNode = async () => {
      underWay += 1;
      most = Math.max(most, underWay);
      await new Promise<void>((done) => {
        release = done;
      });
      underWay -= 1;
      return NODE;
    };
    await until(() => (underWay > 0 ? true : undefined), 'a look');
    type('?');
    await sees(/^Help$/m);
    type('?\rRy');
    await until(() => (restarted.length > 0 ? true : undefined), 'the restart');
    readNode = async () => NODE;
    release();
    await sees(/^slappart0:web was restarted\.$/m);
    expect(most).toBe(1);
    type('\x03');
    await ended;
    expect(restarted).toEqual(['slappart0:web']);
  });

  describe('while a service is restarted', () => {
    let finish: (notice: string) => void;
    let written: string;

    async function startRestart(): Promise<{ readonly ended: Promise<void> }> {
      written = '';
      const write = terminal.screen.write.bind(terminal.screen);
      terminal.write = (text) => {
        if (!terminal.screen.isAlternate) written += text;
        write(text);
      };
      const restart = () =>
        new Promise<string>((done) => {
          finish = done;
        });
      const ended = start({ restart });
      await sees(/slappart0/);
      type('\rRy');
      await sees(/^Restarting slappart0:web…$/m);
      return { ended };
    }

    it('waits for it before it ends, and says what became of it', async () => {
      const { ended } = await startRestart();
      type('\x03');
      await sees(/^Ends when slappart0:web is started again/m);
      type('?');
      await sees(/^Help$/m);
      await sees(/^Ends when slappart0:web is started again/m);
      finish('slappart0:web was not restarted: no such file');
      await ended;
      expect(written).toContain('slappart0:web was not restarted: no such file\n');
      expect(terminal.events).toBeUndefined();
    });

    it('ends at once the second time, and says that it did not wait', async () => {
      const { ended } = await startRestart();
      type('\x03\x03');
      await ended;
      expect(written).toMatch(/Did not wait for the restart of slappart0:web: .*\n$/);
    });

    it('gives the terminal back at a signal, and waits', async () => {
      const { ended } = await startRestart();
      controller.abort();
      await until(
        () => (terminal.events === undefined ? true : undefined),
        'the end of the screen',
      );
      let isEnded = false;
      const noted = ended.then(() => {
        isEnded = true;
      });
      await until(() => (written.includes('Ends when') ? true : undefined), 'the farewell');
      expect(isEnded).toBe(false);
      finish('slappart0:web was restarted.');
      await noted;
      expect(written).toMatch(
        /Ends when slappart0:web is started again\.\nslappart0:web was restarted\.\n$/,
      );
    });
  });

  it('leaves the screen when it is suspended, and draws everything when it goes on', async () => {
    const ended = start();
    await sees(/slappart0/);
    type('\x1a');
    expect(terminal.suspended).toBe(1);
    expect(terminal.screen.isAlternate).toBe(false);
    terminal.events?.onContinue();
    expect(terminal.screen.isAlternate).toBe(true);
    await sees(/slappart0/);
    terminal.events?.onHangUp();
    await ended;
  });

  it('does not take the terminal when it is told to end before', async () => {
    controller.abort();
    await start();
    expect(terminal.screen.frames).toBe(0);
    expect(terminal.events).toBeUndefined();
  });
});
