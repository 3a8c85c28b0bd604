import { describe, expect, it, vi } from 'vitest';
import { isSubscribed } from '../../../src/supervisor/event/event.ts';
import {
  decodeListenerNote,
  decodePoolMemory,
  encodeListenerNote,
  listenerKey,
} from '../../../src/supervisor/event/event-notes.ts';
import { type ListenerPipes, ListenerPool } from '../../../src/supervisor/event/listener-pool.ts';
import { parseListenerOutput } from '../../../src/supervisor/event/listener-protocol.ts';
import type { MainLog } from '../../../src/supervisor/output/main-log.ts';

class FakePipes implements ListenerPipes {
  readonly written: string[] = [];
  isClosed = false;
  #listener: (chunk: Buffer) => void = () => {};

  write(text: string): void {
    this.written.push(text);
  }

  onData(listener: (chunk: Buffer) => void): void {
    this.#listener = listener;
  }

  close(): void {
    this.isClosed = true;
  }

  say(text: string): void {
    this.#listener(Buffer.from(text));
  }
}

function newPool(events: readonly string[] = ['PROCESS_STATE']) {
  const lines: string[] = [];
  const log: MainLog = {
    path: '',
    write: (level, text) => void lines.push(`${level} ${text}`),
    reopen() {},
    clear() {},
  };
  const names = { identifier: 'supervisor', pool: 'watchdog' };
  return { pool: new ListenerPool(names, { bufferSize: 10, events }, log), lines };
}

const DONE = 'RESULT 2\nOKREADY\n';
const EXITED = { name: 'PROCESS_STATE_EXITED', payload: 'processname:é pid:1' };

describe('isSubscribed', () => {
  it('covers an event by its own name or a parent', () => {
    expect(isSubscribed(['PROCESS_STATE_EXITED'], 'PROCESS_STATE_EXITED')).toBe(true);
    expect(isSubscribed(['PROCESS_STATE'], 'PROCESS_STATE_EXITED')).toBe(true);
    expect(isSubscribed(['EVENT'], 'TICK_5')).toBe(true);
    expect(isSubscribed(['PROCESS_STATE_FATAL'], 'PROCESS_STATE_EXITED')).toBe(false);
    expect(isSubscribed(['PROCESS_LOG'], 'PROCESS_STATE_EXITED')).toBe(false);
  });
});

describe('parseListenerOutput', () => {
  it.each(['RESULT 1234567890\n', 'RESULT 1048577\n'])(
    'waits for no endless result (%j)',
    (text) => {
      for (const said of [text, `${text}OK`]) {
        expect(parseListenerOutput('BUSY', said)).toMatchObject({ state: 'UNKNOWN', rest: '' });
      }
    },
  );

  it('reads several words at once and waits for the rest', () => {
    expect(parseListenerOutput('BUSY', DONE)).toEqual({
      state: 'READY',
      rest: '',
      signals: [{ kind: 'result', isAccepted: true }, { kind: 'ready' }],
    });
    for (const part of ['R', 'RESULT ', 'RESULT 2', 'RESULT 2\nO']) {
      expect(parseListenerOutput('BUSY', part)).toEqual({ state: 'BUSY', rest: part, signals: [] });
    }
    expect(parseListenerOutput('ACKNOWLEDGED', 'REA')).toMatchObject({ rest: 'REA' });
  });

  it('tells rejections and nonsense', () => {
    expect(parseListenerOutput('BUSY', 'RESULT 4\nFAIL').signals).toEqual([
      { kind: 'result', isAccepted: false },
    ]);
    for (const [state, text] of [
      ['BUSY', 'RESULT x\n'],
      ['READY', 'more'],
      ['ACKNOWLEDGED', 'HELLO'],
    ] as const) {
      expect(parseListenerOutput(state, text)).toMatchObject({ state: 'UNKNOWN', rest: '' });
    }
  });
});

describe('ListenerPool', () => {
  it('serves one event at a time, counting characters', () => {
    const { pool } = newPool();
    const pipes = new FakePipes();
    pool.attach('w', pipes);
    pool.push(EXITED, 21);
    pool.push(EXITED, 22);
    expect(pipes.written).toEqual([]);
    pipes.say('READY\n');
    expect(pipes.written).toEqual([
      'ver:3.0 server:supervisor serial:21 pool:watchdog poolserial:0 ' +
        'eventname:PROCESS_STATE_EXITED len:19\nprocessname:é pid:1',
    ]);
    pipes.say('RESULT 2\nOK');
    expect(pipes.written).toHaveLength(1);
    pipes.say('READY\n');
    expect(pipes.written[1]).toContain('serial:22 pool:watchdog poolserial:1');
  });

  it('serves a rejected event again, and one that the listener died with', () => {
    const { pool } = newPool();
    const first = new FakePipes();
    pool.attach('w', first);
    first.say('READY\n');
    pool.push(EXITED, 1);
    first.say('RESULT 4\nFAILREADY\n');
    expect(first.written).toHaveLength(2);
    pool.detach('w');
    expect(first.isClosed).toBe(true);
    const second = new FakePipes();
    pool.attach('w', second);
    second.say('READY\n');
    expect(second.written[0]).toContain(' serial:1 ');
  });

  it('gives up a listener that breaks the protocol', () => {
    const { pool, lines } = newPool();
    const pipes = new FakePipes();
    pool.attach('w', pipes);
    pipes.say('hello\n');
    pool.push(EXITED, 1);
    pipes.say('READY\n');
    expect(pipes.written).toEqual([]);
    expect(lines[0]).toContain('WARN w: bad output of a listener');
  });

  it('goes on with a listener that was busy', () => {
    const { pool } = newPool();
    const pipes = new FakePipes();
    pool.attach('w', pipes, { state: 'BUSY', poolSerial: undefined });
    pool.push(EXITED, 5);
    pipes.say(DONE);
    expect(pipes.written).toHaveLength(1);
  });
});

describe('a pool of an earlier controller', () => {
  const NAMES = { identifier: 'supervisor', pool: 'p' };
  const LOG: MainLog = { path: '', write() {}, reopen() {}, clear() {} };

  /** A pool that goes on from notes, and keeps them. */
  function open(notes: Map<string, string>) {
    const store = (key: string, value: string) =>
      void (value === '' ? notes.delete(key) : notes.set(key, value));
    const config = { bufferSize: 10, events: ['EVENT'] };
    const pool = new ListenerPool(NAMES, config, LOG, store, decodePoolMemory(notes, 'p'));
    pool.onState = (name, state, serial) => {
      notes.set(listenerKey('p', name), encodeListenerNote(state, serial));
    };
    const attach = (pipes: FakePipes) =>
      pool.attach('w', pipes, decodeListenerNote(notes.get(listenerKey('p', 'w'))));
    return { pool, attach };
  }

  const event = (number: number) => ({ name: 'PROCESS_STATE_EXITED', payload: `number:${number}` });
  const told = (pipes: FakePipes) =>
    pipes.written.map((text) => /number:(\d+)/.exec(text)?.[1]).join(' ');

  it('is not kept where it makes no sense', () => {
    const notes = new Map([
      ['event:p:1', '{"serial": 1, "name": 5, "payload": "x"}'],
      ['event:p:x', '{"serial": 1, "name": "A", "payload": "x"}'],
      ['event:p:3', '{"serial": 1, "name": "A", "payload": "x"}'],
      ['serial:p', 'x 1e999'],
    ]);
    const event = { name: 'A', payload: 'x' };
    const events = [{ event, serial: 1, poolSerial: 3 }];
    expect(decodePoolMemory(notes, 'p')).toEqual({ serial: -1, poolSerial: -1, events });
    const fresh = { state: 'ACKNOWLEDGED', poolSerial: undefined };
    expect(decodeListenerNote('sort x')).toEqual(fresh);
    expect(decodeListenerNote(undefined)).toEqual(fresh);
    expect(decodeListenerNote('BUSY 4')).toEqual({ state: 'BUSY', poolSerial: 4 });
  });

  it('delivers again what nobody has accepted, and nothing else', () => {
    const notes = new Map<string, string>();
    const first = open(notes);
    const pipes = new FakePipes();
    first.pool.attach('w', pipes);
    for (const number of [1, 2, 3]) first.pool.push(event(number), number);
    first.pool.push({ name: 'TICK_5', payload: 'when:5' }, 4);
    for (const words of ['READY\n', 'RESULT 2\nOK']) pipes.say(words);
    const again = new FakePipes();
    const second = open(notes);
    second.attach(again);
    for (const words of ['READY\n', DONE, DONE]) again.say(words);
    expect(told(again)).toBe('2 3');
    expect([...notes.keys()].sort()).toEqual([listenerKey('p', 'w'), 'serial:p']);
    second.pool.push(event(4), 5);
    expect(again.written.at(-1)).toContain(' poolserial:4 ');
  });

  it('waits for the answer to an event that was served', () => {
    const notes = new Map<string, string>();
    const first = open(notes);
    const pipes = new FakePipes();
    first.pool.attach('w', pipes);
    pipes.say('READY\n');
    first.pool.push(event(1), 1);
    const again = new FakePipes();
    open(notes).attach(again);
    again.say(DONE);
    expect(told(again)).toBe('');
    expect([...notes.keys()].some((key) => key.startsWith('event:'))).toBe(false);
  });

  it.each([
    ['BUSY', 'READY\n'],
    ['READY', ''],
  ])('serves again a listener whose answer may have been lost (%s)', (state, words) => {
    vi.useFakeTimers();
    const notes = new Map<string, string>();
    const first = open(notes);
    first.pool.attach('w', new FakePipes());
    first.pool.push(event(1), 1);
    notes.set(listenerKey('p', 'w'), state === 'BUSY' ? 'BUSY 0' : state);
    const pipes = new FakePipes();
    const second = open(notes);
    second.attach(pipes);
    pipes.say(words);
    vi.advanceTimersByTime(1100);
    expect(told(pipes)).toBe('1');
    // The answer to the first time it was served, and to the second.
    pipes.say(DONE);
    if (state === 'READY') pipes.say(DONE);
    second.pool.push(event(2), 2);
    expect(told(pipes)).toBe('1 2');
    vi.useRealTimers();
  });

  it.each([
    ['ACKNOWLEDGED', [DONE, DONE]],
    ['READY', [DONE + DONE]],
    ['BUSY 0', [DONE + DONE]],
    ['BUSY 0', ['READY\n', DONE + DONE]],
  ])('goes on with a listener that is ahead of its note (%s)', (note, said) => {
    const notes = new Map<string, string>();
    const first = open(notes);
    first.pool.attach('w', new FakePipes());
    first.pool.push(event(1), 1);
    notes.set(listenerKey('p', 'w'), note);
    const pipes = new FakePipes();
    const second = open(notes);
    second.attach(pipes);
    for (const words of said) pipes.say(words);
    for (const number of [2, 3]) {
      second.pool.push(event(number), number);
      pipes.say(DONE);
    }
    expect(told(pipes)).toMatch(/2 3$/);
    expect(notes.get(listenerKey('p', 'w'))).toBe('READY');
  });
});
