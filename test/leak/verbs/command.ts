/** Commands that ask a Master over TLS, start programs or look at processes, all for real. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHostFiles } from '../../../src/host/folder/host-files.ts';
import { openProcessReader } from '../../../src/host/process/process-reader.ts';
import { openStatusSources } from '../../../src/status/sources.ts';
import { TopFeed } from '../../../src/top/feed.ts';
import { runLive } from '../../../src/top/live.ts';
import { initialState } from '../../../src/top/state.ts';
import type { TerminalEvents } from '../../../src/top/terminal.ts';
import { createPromiseSite, type PromiseSite } from '../../support/promise-site.ts';
import { RegistrationScene } from '../../support/registration-scene.ts';
import { TestAuthority } from '../../support/test-authority.ts';
import type { Passes, Verb } from './verb.ts';

/** A Master remembers whom it knows: another one takes its place now and then. */
const PASSES_OF_A_MASTER = 50;
const PASSES_WITH_PLUGIN = 50;
const PARTITIONS = 5;

/** Registers, is refused, and forgets that it was registered. */
async function registrationPasses(): Promise<Passes> {
  const authority = new TestAuthority();
  let scene = await RegistrationScene.open({}, authority);
  const pass = async (index: number) => {
    if (index > 0 && index % PASSES_OF_A_MASTER === 0) {
      await scene.close();
      scene = await RegistrationScene.open({}, authority);
    }
    const name = `node${index}`;
    const refused = await scene.register(['--token', 'none', name]);
    const { status, stderr } = await scene.register(['--token', scene.master.createToken(), name]);
    if (status !== 0 || refused.status !== 1) throw new Error(`registered otherwise: ${stderr}`);
    rmSync(scene.etc, { recursive: true });
  };
  return { pass, end: () => scene.close() };
}

function keepAndBreak(site: PromiseSite): void {
  site.write('etc/promise/kept', '#!/bin/sh\necho fine\n', 0o755);
  site.write('etc/promise/broken', '#!/bin/sh\necho bad\nexit 1\n', 0o755);
}

/** One that is kept and one that is not; a plugin, which starts a Python, in few passes. */
function promisePasses(): Passes {
  const site = createPromiseSite();
  keepAndBreak(site);
  const pass = async (index: number) => {
    const hasPlugin = index % PASSES_WITH_PLUGIN === 0;
    if (hasPlugin)
      site.plugin('plugin.py', "    def sense(self):\n        self.logger.info('x')\n");
    const told = await site.run('test');
    if (hasPlugin) {
      site.forget('etc/plugin/plugin.py');
      // What was read last of a log stays until the next one is read: logs begin anew, too.
      for (const name of ['broken', 'kept']) site.forget(`.slapgrid/promise/log/${name}.log`);
    }
    if (!told?.includes('broken')) throw new Error(`promises ended otherwise: ${told}`);
    site.log.lines.length = 0;
  };
  return { pass, end: () => site.remove() };
}

/** A node of folders without services, whose processes are those of root and of this user. */
function openTop(root: string) {
  const settings = {
    instanceRoot: root,
    computerId: 'COMP-1',
    masterUrl: '',
    partitionBase: 'slappart',
    partitionAmount: undefined,
  };
  const sources = openStatusSources(settings);
  const feed = new TopFeed({
    sources,
    isRoot: true,
    files: createHostFiles(),
    openReader: () => openProcessReader({ isAccounting: true }),
    openListReader: () => openProcessReader({ isAccounting: false }),
    monotonicMs: () => performance.now(),
    tapOf: () => undefined,
  });
  return { feed, sources };
}

/** Looks wait for their pass, so that none is under way while memory is measured. */
class Turnstile {
  #open: () => void = () => {};
  #tellArrival: () => void = () => {};

  enter(): Promise<void> {
    this.#tellArrival();
    return new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  /** Ends when the next one has come. */
  letOneThrough(): Promise<void> {
    const arrival = new Promise<void>((resolve) => {
      this.#tellArrival = resolve;
    });
    this.#open();
    return arrival;
  }
}

/** One `node top` for all passes: a look each, keys, and partitions that come and go. */
async function topPasses(): Promise<Passes> {
  const root = mkdtempSync(join(tmpdir(), 'slapos-leak-top-'));
  const folder = (index: number) => join(root, `slappart${index}`);
  for (let index = 0; index < PARTITIONS; index += 1) mkdirSync(folder(index));
  const { feed, sources } = openTop(root);
  let events: TerminalEvents | undefined;
  const turnstile = new Turnstile();
  const controller = new AbortController();
  const readNode = async () => {
    await turnstile.enter();
    return feed.readNode();
  };
  const ended = runLive({
    feed: {
      historyOf: feed.historyOf,
      readFocus: (...asked) => feed.readFocus(...asked),
      readNode,
    },
    terminal: {
      hasColors: true,
      isAscii: false,
      size: () => ({ columns: 100, rows: 30 }),
      write: () => {},
      open: (told) => {
        events = told;
      },
      suspend: () => {},
      close: () => {},
    },
    state: initialState('cpu', ''),
    intervalMs: 1,
    signal: controller.signal,
    restart: async () => '',
  });
  const pass = async (index: number) => {
    if (index % 20 === 0) rmSync(folder(index === 0 ? 1 : PARTITIONS + index - 20), RECURSIVE);
    if (index % 20 === 0) mkdirSync(folder(PARTITIONS + index));
    for (const text of ['\x1b[B', '\r', '\x1b[D', '?', '?']) events?.onInput(text);
    await turnstile.letOneThrough();
  };
  const end = async () => {
    controller.abort();
    await ended;
    sources.close();
    rmSync(root, RECURSIVE);
  };
  return { pass, end };
}

const RECURSIVE = { recursive: true, force: true };

export const verbs: readonly Verb[] = [
  { name: 'registration', share: 0.05, prepare: registrationPasses },
  { name: 'promise', share: 0.5, prepare: promisePasses },
  { name: 'top', prepare: topPasses },
];
