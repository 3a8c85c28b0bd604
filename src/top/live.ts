/**
 * `node top` on a terminal: looks again at every interval, draws what changed, obeys keys.
 * Only one look is under way at a time; one that takes longer than the interval puts the next off.
 */
import { errorMessage } from '../errors/slapos-error.ts';
import type { TopData } from './data.ts';
import type { Focus, FocusView, NodeView, TopFeed } from './feed.ts';
import { renderFrame } from './frame.ts';
import { parseKeys, splitUnfinished } from './keys.ts';
import { harmless } from './line.ts';
import { pressKey } from './press-key.ts';
import { Screen } from './screen.ts';
import type { Effect, TopState } from './state.ts';
import type { TopTerminal } from './terminal.ts';

export interface LiveOptions {
  readonly feed: Pick<TopFeed, 'historyOf' | 'readFocus' | 'readNode'>;
  readonly terminal: TopTerminal;
  readonly state: TopState;
  readonly intervalMs: number;
  readonly signal: AbortSignal;
  readonly restart: (name: string) => Promise<string>;
}

/** After so long a lone escape is the key, and not the beginning of another one. */
const ESCAPE_MS = 50;
/** A machine that is slow to look at is not looked at all the time. */
const REST_SHARE = 3;

export async function runLive(options: LiveOptions): Promise<void> {
  await new LiveTop(options, await options.feed.readNode()).run();
}

class LiveTop {
  readonly #options: LiveOptions;
  readonly #screen: Screen;
  #node: NodeView;
  #focusView: FocusView = { processes: null, log: null };
  #state: TopState;
  /** Why what is shown is old. */
  #failure = '';
  #unfinished = '';
  #escapeTimer: NodeJS.Timeout | undefined;
  #lookTimer: NodeJS.Timeout | undefined;
  #turn: Promise<void> = Promise.resolve();
  /** Restarts under way: a service that this program stopped is not left so. */
  readonly #restarts = new Map<Promise<string>, string>();
  /** What quitting waits for, or waited for. */
  #farewell = '';
  /** Whether quitting was asked for twice. */
  #isHurried = false;
  #isOver = false;
  #end: () => void = () => {};

  constructor(options: LiveOptions, node: NodeView) {
    const { terminal } = options;
    this.#options = options;
    this.#node = node;
    this.#state = options.state;
    this.#screen = new Screen((text) => terminal.write(text), terminal);
  }

  async run(): Promise<void> {
    const { intervalMs, signal, terminal } = this.#options;
    const ended = new Promise<void>((resolve) => {
      this.#end = resolve;
    });
    signal.addEventListener('abort', this.#end, { once: true });
    try {
      if (signal.aborted) return;
      terminal.open({
        onInput: (text) => this.#take(text),
        onResize: () => this.#redraw(),
        onContinue: () => this.#enter(),
        onHangUp: () => this.#end(),
        onLeave: () => this.#screen.leave(),
      });
      this.#enter();
      this.#lookTimer = setTimeout(() => void this.#look(), intervalMs);
      await ended;
    } finally {
      clearTimeout(this.#lookTimer);
      clearTimeout(this.#escapeTimer);
      this.#isOver = true;
      this.#screen.leave();
      terminal.close();
    }
    await this.#takeLeave();
  }

  /** On the usual screen. A key may leave restarts alone; a signal or a lost terminal waits. */
  async #takeLeave(): Promise<void> {
    const { terminal } = this.#options;
    const names = this.#namesOfRestarts();
    if (this.#isHurried && names !== '') {
      this.#farewell = `Did not wait for the restart of ${names}: see \`slapos node status\`.`;
    }
    if (names === '' || this.#isHurried) {
      if (this.#farewell !== '') terminal.write(`${harmless(this.#farewell)}\n`);
      return;
    }
    terminal.write(`${harmless(`Ends when ${names} is started again.`)}\n`);
    for (const notice of await Promise.all(this.#restarts.keys())) {
      terminal.write(`${harmless(notice)}\n`);
    }
  }

  #namesOfRestarts(): string {
    return [...this.#restarts.values()].join(', ');
  }

  #enter(): void {
    this.#screen.enter();
    this.#draw();
  }

  #redraw(): void {
    this.#screen.forget();
    this.#draw();
  }

  get #data(): TopData {
    const { feed, intervalMs } = this.#options;
    return {
      ...this.#node,
      ...this.#focusView,
      intervalMs,
      historyOf: feed.historyOf,
    };
  }

  #draw(): void {
    if (this.#isOver) return;
    const { terminal } = this.#options;
    const size = terminal.size();
    const { isAscii } = terminal;
    const notice = this.#farewell || this.#state.notice || this.#failure;
    const state = { ...this.#state, notice };
    this.#screen.show(renderFrame({ state, data: this.#data, size, isAscii }));
  }

  async #look(): Promise<void> {
    const { intervalMs, signal } = this.#options;
    const beganMs = performance.now();
    try {
      await this.#refresh();
      this.#failure = '';
    } catch (error) {
      this.#failure = `Looking failed: ${errorMessage(error)}`;
    }
    if (signal.aborted) return;
    this.#draw();
    const tookMs = performance.now() - beganMs;
    const restMs = Math.max(intervalMs - tookMs, Math.min(intervalMs, tookMs * REST_SHARE));
    this.#lookTimer = setTimeout(() => void this.#look(), restMs);
  }

  async #readFocus(): Promise<void> {
    const focus = focusOf(this.#state);
    this.#focusView = await this.#options.feed.readFocus(this.#node.status, focus);
  }

  #take(text: string): void {
    clearTimeout(this.#escapeTimer);
    const { ready, rest } = splitUnfinished(this.#unfinished + text);
    this.#unfinished = rest;
    this.#press(ready);
    if (rest === '') return;
    this.#escapeTimer = setTimeout(() => {
      this.#unfinished = '';
      this.#press(rest);
    }, ESCAPE_MS);
  }

  #press(text: string): void {
    const before = this.#state;
    for (const key of parseKeys(text)) {
      const seen = { data: this.#data, size: this.#options.terminal.size() };
      const { effect, state } = pressKey(this.#state, key, seen);
      this.#state = state;
      if (effect !== undefined) this.#obey(effect);
    }
    this.#draw();
    if (isSameFocus(focusOf(before), focusOf(this.#state))) return;
    this.#inTurn(() => this.#readFocus()).then(
      () => this.#draw(),
      (error: unknown) => this.#tell(`Looking failed: ${errorMessage(error)}`),
    );
  }

  #obey(effect: Effect): void {
    if (effect.kind === 'quit') this.#quit();
    else if (effect.kind === 'suspend') this.#options.terminal.suspend();
    else if (effect.kind === 'redraw') this.#screen.forget();
    else void this.#restart(`${effect.partition}:${effect.service}`);
  }

  /** The second time whatever is under way. */
  #quit(): void {
    const names = this.#namesOfRestarts();
    this.#isHurried = this.#farewell !== '';
    if (names === '' || this.#isHurried) this.#end();
    else this.#farewell = `Ends when ${names} is started again; once more ends now.`;
  }

  async #restart(name: string): Promise<void> {
    this.#tell(`Restarting ${name}…`);
    const restart = this.#options.restart(name);
    this.#restarts.set(restart, name);
    const notice = await restart;
    this.#restarts.delete(restart);
    if (this.#farewell !== '' && this.#restarts.size === 0) {
      this.#farewell = notice;
      return this.#end();
    }
    // What the last look saw is no longer so.
    await this.#refresh().catch(() => undefined);
    this.#tell(notice);
  }

  /** The readers of the node take one question at a time. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  #refresh(): Promise<void> {
    return this.#inTurn(async () => {
      this.#node = await this.#options.feed.readNode();
      await this.#readFocus();
    });
  }

  #tell(notice: string): void {
    this.#state = { ...this.#state, notice };
    this.#draw();
  }
}

function focusOf({ partition, text }: TopState): Focus {
  const subject = text?.subject;
  return { partition, log: subject?.kind === 'log' ? subject : null };
}

function isSameFocus(a: Focus, b: Focus): boolean {
  return (
    a.partition === b.partition &&
    a.log?.service === b.log?.service &&
    a.log?.channel === b.log?.channel
  );
}
