import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChangeLog } from '../../../../src/supervisor/event/change-log.ts';

describe('ChangeLog', () => {
  it('tells everything to a stranger, then only what happened since', () => {
    const log = new ChangeLog('a');
    log.note('g:x');
    log.note('g:y');
    const first = log.since('');
    expect(first).toMatchObject({ isFull: true, changed: ['g:x', 'g:y'], removed: [] });
    expect(log.since(first.token)).toMatchObject({ isFull: false, changed: [], removed: [] });
    log.note('g:x');
    log.noteRemoval('g:y');
    expect(log.since(first.token)).toMatchObject({ changed: ['g:x'], removed: ['g:y'] });
    log.note('g:y');
    expect(log.since(first.token)).toMatchObject({ changed: ['g:x', 'g:y'], removed: [] });
  });

  it.each(['b.1', 'a', 'a.', 'a.x', 'a.99', 'a.-1'])('takes %j for a stranger', (token) => {
    const log = new ChangeLog('a');
    log.note('g:x');
    expect(log.since(token).isFull).toBe(true);
  });

  it('forgets old removals and says so', () => {
    const log = new ChangeLog('a');
    const { token } = log.since('');
    for (let number = 0; number < 10_010; number += 1) log.noteRemoval(`g:${number}`);
    expect(log.since(token).isFull).toBe(true);
  });

  it('keeps a copy right whenever it asks', () => {
    const step = fc.record({
      name: fc.constantFrom('a', 'b', 'c', 'd'),
      kind: fc.constantFrom('note', 'remove', 'ask'),
    });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const log = new ChangeLog('s');
        const truth = new Map<string, number>();
        const copy = new Map<string, number>();
        let token = '';
        const ask = () => {
          const changes = log.since(token);
          if (changes.isFull) copy.clear();
          for (const name of changes.removed) copy.delete(name);
          for (const name of changes.changed) copy.set(name, truth.get(name) ?? -1);
          token = changes.token;
          expect([...copy].sort()).toEqual([...truth].sort());
        };
        for (const [index, { name, kind }] of steps.entries()) {
          if (kind === 'ask') ask();
          else if (kind === 'note') {
            truth.set(name, index);
            log.note(name);
          } else if (truth.delete(name)) log.noteRemoval(name);
        }
        ask();
      }),
    );
  });
});
