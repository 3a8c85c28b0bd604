/**
 * One script of every action, run by the stock supervisorctl twice: against the stock supervisord
 * and against ours. What it prints and its exit statuses are the same, and so are the events that
 * a listener sees.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { missingFacilities } from '../support/facilities.ts';
import {
  findPeers,
  mask,
  OUR_SUPERVISORD,
  type Peer,
  PeerDaemon,
  StockCtl,
} from '../support/supervisor-peers.ts';
import { PROGRAMS } from '../support/supervisor-programs.ts';
import { SCRIPT, type Step } from '../support/supervisorctl-script.ts';

type Outcome =
  | {
      readonly status: number;
      readonly stdout: readonly string[];
      readonly stderr: readonly string[];
    }
  | { readonly events: Readonly<Record<string, readonly string[]>> };

/** The daemon under a client; runs the script step by step. */
class Story {
  readonly daemon: PeerDaemon;
  readonly outcomes: Array<Outcome | undefined> = [];
  readonly #ctl: StockCtl;
  #pid = 0;

  constructor(peer: Peer, supervisord: readonly string[]) {
    this.daemon = new PeerDaemon(supervisord, PROGRAMS);
    this.#ctl = new StockCtl(peer.python);
  }

  async run(): Promise<this> {
    await this.daemon.start();
    this.#pid = this.daemon.pid;
    for (const step of SCRIPT) this.outcomes.push(await this.#step(step));
    return this;
  }

  async #step(step: Step): Promise<Outcome | undefined> {
    const { daemon } = this;
    if (typeof step === 'string') return this.#control(step.split(' '), '');
    if ('shell' in step) return this.#control([], step.shell.map((line) => `${line}\n`).join(''));
    if ('await' in step) await daemon.awaitState(...step.await);
    else if ('events' in step) return this.#events();
    else if ('gone' in step) await daemon.awaitEnd(this.#pid);
    else if ('pauseMs' in step) await sleep(step.pauseMs);
    else if ('write' in step) daemon.write(...step.write);
    else daemon.remove(step.remove);
    return undefined;
  }

  async #control(words: readonly string[], input: string): Promise<Outcome> {
    const { root, configuration } = this.daemon;
    const given = words.map((word) => word.replace('ROOT', root));
    const { status, stdout, stderr } = await this.#ctl.run(['-c', configuration, ...given], input);
    const lines = mask(stdout, root).split('\n');
    return {
      status,
      stdout: isUnordered(words) ? lines.sort() : lines,
      stderr: mask(stderr, root).split('\n'),
    };
  }

  /** Events by the process that they are about, else by their kind: between them is no order. */
  async #events(): Promise<Outcome> {
    await sleep(1000);
    const events: Record<string, string[]> = {};
    for (const line of mask(this.daemon.read('events'), this.daemon.root).split('\n')) {
      const key = /processname:(\S+)/.exec(line)?.[1] ?? line.split(' ')[0] ?? '';
      events[key] = [...(events[key] ?? []), line];
    }
    return { events };
  }

  async end(): Promise<void> {
    this.#ctl.close();
    await this.daemon.stop();
  }
}

/** Several processes stop in any order, and supervisorctl tells it in that order. */
function isUnordered([action = '', name = '', ...more]: readonly string[]): boolean {
  const isSeveral = name === 'all' || /:\*?$/.test(name) || more.length > 0;
  return isSeveral && (action === 'stop' || action === 'restart');
}

function title(step: Step): string {
  return typeof step === 'string' ? step : JSON.stringify(step);
}

const [missing] = missingFacilities(['root', 'netns']);
const peers = missing === undefined ? findPeers() : [];

describe.skipIf(missing !== undefined)(
  `the script of supervisorctl${missing === undefined ? '' : ` [skipped: ${missing.reason}]`}`,
  () => {
    it.skipIf(peers.length > 0)('needs a stock supervisor: none is installed', () => {});

    describe.each(peers)('with the supervisor of $title', (peer) => {
      const theirs = new Story(peer, [peer.supervisord]);
      const ours = new Story(peer, OUR_SUPERVISORD);

      beforeAll(() => Promise.all([theirs.run(), ours.run()]), 300_000);
      afterAll(() => Promise.all([theirs.end(), ours.end()]));

      it.each(SCRIPT.map((step, index) => ({ title: title(step), index })))(
        '$index $title',
        ({ index }) => expect(ours.outcomes[index]).toEqual(theirs.outcomes[index]),
      );
    });
  },
);
