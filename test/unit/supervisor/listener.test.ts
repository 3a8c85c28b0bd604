import { describe, expect, it } from 'vitest';
import { isSubscribed } from '../../../src/supervisor/event.ts';
import { type ListenerPipes, ListenerPool } from '../../../src/supervisor/listener-pool.ts';
import { parseListenerOutput } from '../../../src/supervisor/listener-protocol.ts';
import type { MainLog } from '../../../src/supervisor/main-log.ts';

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
  it('reads several words at once and waits for the rest', () => {
    expect(parseListenerOutput('BUSY', 'RESULT 2\nOKREADY\n')).toEqual({
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
    pool.attach('w', pipes, 'BUSY');
    pool.push(EXITED, 5);
    pipes.say('RESULT 2\nOKREADY\n');
    expect(pipes.written).toHaveLength(1);
  });
});
