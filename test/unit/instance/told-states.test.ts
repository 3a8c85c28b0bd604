import { beforeEach, describe, expect, it } from 'vitest';
import type { GridContext, ToldStates } from '../../../src/grid/context.ts';
import {
  failureState,
  parseToldStates,
  renderToldStates,
  TOLD_STATES,
  UNFINISHED_TOLD_STATES,
  withToldStates,
} from '../../../src/instance/told-states.ts';
import { silentLogger } from '../../../src/log/logger.ts';

const LISTENER = { masterUrl: 'http://master/', computerId: 'COMP-1' };

/** A folder of one file; `failing` refuses to write, as a full disk does. */
function memoryFolder() {
  const files = new Map<string, string>();
  const folder = {
    files,
    writes: 0,
    isFull: false,
    readText: async (path: string) => files.get(path),
    async write(path: string, text: string) {
      folder.writes += 1;
      if (folder.isFull) throw new Error('ENOSPC');
      files.set(path, text);
    },
    remove: async (path: string) => void files.delete(path),
  };
  return folder;
}

describe('what the Master was told', () => {
  let folder: ReturnType<typeof memoryFolder>;
  beforeEach(() => {
    folder = memoryFolder();
  });

  const run = (work: (told: ToldStates) => Promise<void>, options: object = LISTENER) => {
    const host = { openFolder: () => folder };
    const context = { options: { ...options, instanceRoot: '/r' }, host, log: silentLogger };
    return withToldStates(context as unknown as GridContext, ({ told }) =>
      work(told as ToldStates),
    );
  };
  const tell = async (told: ToldStates, id: string, state = 'started') => {
    await told.forget(id);
    told.remember(id, state);
  };
  const isTold = async (id: string, state = 'started', options: object = LISTENER) => {
    let answer = false;
    await run(async (told) => {
      answer = told.isTold(id, state);
    }, options);
    return answer;
  };

  it('is known to the next command, and nothing is written when nothing is told', async () => {
    await run((told) => tell(told, 'a'));
    expect(await isTold('a')).toBe(true);
    expect(await isTold('a', failureState('no'))).toBe(false);
    expect(await isTold('b')).toBe(false);
    expect(folder.writes).toBe(2);
  });

  it('is rid of what a killed command left, also by one that tells nothing', async () => {
    await run((told) => tell(told, 'a'));
    folder.files.set(UNFINISHED_TOLD_STATES, '{');
    expect(await isTold('a')).toBe(true);
    expect([...folder.files.keys()]).toEqual([TOLD_STATES]);
  });

  it('counts for nothing with a Master that says what it knows', async () => {
    await run((told) => tell(told, 'a'));
    await run(async (told) => {
      told.disbelieve();
      expect(told.isTold('a', 'started')).toBe(false);
    });
    expect(await isTold('a')).toBe(true);
  });

  it('is nothing to another Master or computer', async () => {
    await run((told) => tell(told, 'a'));
    expect(await isTold('a', 'started', { ...LISTENER, masterUrl: 'http://other/' })).toBe(false);
    expect(await isTold('a', 'started', { ...LISTENER, computerId: 'COMP-2' })).toBe(false);
  });

  it('is forgotten when a post failed', async () => {
    await run((told) => tell(told, 'a'));
    await run((told) => told.forget('a'));
    expect(await isTold('a')).toBe(false);
  });

  it('is all forgotten when a command is killed after its first post', async () => {
    await run((told) => tell(told, 'a'));
    await run(async (told) => {
      await tell(told, 'b');
      const killed = new Map(folder.files);
      expect(parseToldStates(killed.get(TOLD_STATES), LISTENER)).toEqual(new Map());
    });
    expect(await isTold('a')).toBe(true);
  });

  it('is all forgotten when two commands told something at the same time', async () => {
    await run(async (one) => {
      await tell(one, 'a');
      await run(async (two) => tell(two, 'b'));
      await tell(one, 'c');
    });
    for (const id of ['a', 'b', 'c']) expect(await isTold(id)).toBe(false);
    await run((told) => tell(told, 'a'));
    expect(await isTold('a')).toBe(true);
  });

  it('takes in what another command told before our first post', async () => {
    await run(async (one) => {
      await run(async (two) => tell(two, 'b', failureState('no')));
      await tell(one, 'a');
    });
    expect(await isTold('a')).toBe(true);
    expect(await isTold('b', failureState('no'))).toBe(true);
  });

  it('keeps nobody from telling when the disk is full, and is believed no longer', async () => {
    await run((told) => tell(told, 'a'));
    folder.isFull = true;
    await run((told) => tell(told, 'a', failureState('no')));
    folder.isFull = false;
    expect(await isTold('a')).toBe(false);
    expect(folder.files.size).toBe(0);
  });

  it('reads whatever stands in the file', () => {
    for (const text of [undefined, '', '[]', 'null', '{"unfinished":"1"}', '{"told":3}']) {
      expect(parseToldStates(text, LISTENER)).toEqual(new Map());
    }
    const text = renderToldStates(
      LISTENER,
      new Map([
        ['b', 'started'],
        ['a', 'stopped'],
      ]),
    );
    expect(parseToldStates(text, LISTENER)).toEqual(
      new Map([
        ['a', 'stopped'],
        ['b', 'started'],
      ]),
    );
  });
});
