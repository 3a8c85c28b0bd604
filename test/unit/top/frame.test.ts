import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cellWidth } from '../../../src/log/cell-width.ts';
import type { TopData } from '../../../src/top/data.ts';
import { renderFrame } from '../../../src/top/frame.ts';
import { lineWidth } from '../../../src/top/line.ts';
import { renderPlain } from '../../../src/top/plain.ts';
import { encodeLine } from '../../../src/top/screen.ts';
import { type Size, SORT_KEYS, type TopState } from '../../../src/top/state.ts';
import { FullScreen } from '../../support/full-screen.ts';
import { OBEYED } from '../../support/hostile-texts.ts';
import {
  consumption,
  HOSTILE,
  partition,
  promise,
  service,
  topData,
  topState,
  USUAL_SIZE,
} from '../../support/top-data.ts';

function frame(data: TopData, state: TopState = topState(), size: Size = USUAL_SIZE): string[] {
  const lines = renderFrame({ data, state, size, isAscii: false });
  return lines.map(({ spans }) =>
    spans
      .map(({ text }) => text)
      .join('')
      .trimEnd(),
  );
}

const used = (cpu: number, rssBytes: number) => ({ consumption: consumption({ cpu, rssBytes }) });

const data = topData([
  partition(0, 'greeter', {
    ...used(0.25, 3 * 1024 ** 2),
    services: [service('web'), service('worker', { state: 'FATAL', reason: 'no such file' })],
    promises: [promise('fine', false), promise('url', true, 'refused')],
  }),
  partition(1, 'mirror', used(0.5, 1024 ** 2)),
  partition(2, null),
]);

const namesOf = (lines: readonly string[]) =>
  lines.flatMap((text) => /^[> ][! ](slappart\d+)/.exec(text)?.[1] ?? []);

describe('the table', () => {
  it('shows the node, its partitions, and what failed with a sign', () => {
    const lines = frame(data);
    expect(lines[0]).toMatch(
      /^COMP-1 \d\d:\d\d:\d\d {2}partitions 3 \(1 free\) {2}services 1 of 2/,
    );
    expect(lines.slice(0, 3).join('  ')).toContain(
      "1 of 2 run !1 failed  promises 2 !1 failed  load 1.00 0.50 0.25  mem 2.0G of 8.0G  pressure cpu 3% mem 0% io 1%  figures collector's daemon",
    );
    expect(lines).toContainEqual(
      expect.stringMatching(/^ !slappart0 +25\.0 .* 3\.0M .*!1\/2 +!1\/2 greeter$/),
    );
    expect(lines).toContainEqual(expect.stringMatching(/^ {2}slappart2 +- .* - free$/));
  });

  it.each([
    ['cpu', false, [1, 0, 2]],
    ['cpu', true, [0, 1, 2]],
    ['mem', false, [0, 1, 2]],
    ['promises', false, [0, 1, 2]],
    ['name', false, [0, 1, 2]],
    ['name', true, [2, 1, 0]],
  ] as const)(
    'sorts by %s, reversed %s; what nobody knows comes last',
    (sortBy, isReversed, order) => {
      const names = order.map((number) => `slappart${number}`);
      expect(namesOf(frame(data, topState({ sortBy, isReversed })))).toEqual(names);
    },
  );

  it('filters by name, user, title and type, and says when nothing is left', () => {
    expect(namesOf(frame(data, topState({ filter: 'MIRR' })))).toEqual(['slappart1']);
    expect(namesOf(frame(data, topState({ filter: 'slapuser2' })))).toEqual(['slappart2']);
    expect(frame(data, topState({ filter: 'zz' })).join()).toContain('No partition has zz');
    expect(frame(topData([])).join()).toContain('`slapos node format` makes them');
  });

  it('says what cannot be known, and calls nothing free then', () => {
    const refused = { isAvailable: false, reason: 'Only root may ask.' };
    const lines = frame(
      topData([partition(0, null)], { status: { supervisor: refused, document: refused } }),
    );
    expect(lines.join('\n')).toContain('services unknown');
    expect(lines.join('\n')).toContain('! Only root may ask.');
    expect(lines.join('\n')).not.toContain('free');
  });

  it('keeps the chosen row on the screen, whatever its height', () => {
    const many = topData(Array.from({ length: 500 }, (_, index) => partition(index, 'x')));
    for (const rows of [1, 2, 3, 5, 9, 24]) {
      for (const chosen of ['slappart0', 'slappart250', 'slappart499']) {
        const state = topState({ sortBy: 'name', partitions: { chosen, top: 0 } });
        const lines = frame(many, state, { columns: 40, rows });
        expect(lines.length).toBe(rows);
        expect(lines.filter((text) => text.startsWith('>'))).toEqual([
          expect.stringContaining(chosen),
        ]);
      }
    }
  });

  it.each(SORT_KEYS)('shows the column of %s on 40 columns', (sortBy) => {
    const arrow = sortBy === 'name' ? '▲' : '▼';
    const lines = frame(data, topState({ sortBy }), { columns: 40, rows: 24 });
    const titles = lines.find((text) => text.includes('PARTITION'));
    expect(titles).toMatch(sortBy === 'name' ? /PARTITION/ : new RegExp(arrow));
  });
});

describe('a partition', () => {
  const state = topState({ partition: 'slappart0' });

  it('shows services with reasons, promises with messages, and processes', () => {
    const processes = {
      partition: 'slappart0',
      problem: '',
      rows: [{ pid: 77, cpu: 0.5, rssBytes: 2048, threads: 3, name: 'node' }],
    };
    const text = frame({ ...data, processes }, state).join('\n');
    expect(text).toMatch(
      /^slappart0 {2}greeter {2}is SOFTINST-0 {2}wanted started {2}user slapuser0 \(1000\)$/m,
    );
    expect(text).toMatch(/^>!worker +FATAL .* no such file$/m);
    expect(text).toMatch(/^ {2}web +RUNNING +100 +1m05s/m);
    expect(text).toMatch(/^ !url +failed +5s ago refused$/m);
    expect(text).toMatch(/^ {2}node +77 +50\.0 +2\.0K +3$/m);
  });

  it('does not show processes of another one', () => {
    const processes = { partition: 'slappart1', problem: '', rows: [] };
    expect(frame({ ...data, processes }, state).join('\n')).toContain('reading…');
  });
});

describe('hostile content', () => {
  const hostile = topData(
    HOSTILE.map((text, number) =>
      partition(number, text, {
        user: text,
        services: [service(text, { reason: text, state: 'FATAL' })],
        promises: [promise(text, true, text)],
      }),
    ),
    { status: { computerId: HOSTILE[0] ?? '' } },
  );
  const processRow = (name: string) => ({ pid: 1, cpu: null, rssBytes: 1, threads: 1, name });
  const states: readonly TopState[] = [
    topState(),
    topState({ sortBy: 'promises', filter: HOSTILE[0] ?? '' }),
    ...HOSTILE.flatMap((text, number) => {
      const at = { partition: `slappart${number}` };
      return [
        topState(at),
        topState({ ...at, question: { partition: at.partition, service: text }, notice: text }),
        topState({ ...at, text: { subject: { kind: 'promise', title: text }, top: 0 } }),
        topState({ ...at, text: { subject: { kind: 'service', name: text }, top: 0 } }),
        topState({
          ...at,
          text: { subject: { kind: 'log', service: 'web', channel: 'stdout' }, top: null },
        }),
      ];
    }),
  ];
  const dataFor = (state: TopState): TopData => {
    const place = state.partition ?? '';
    return {
      ...hostile,
      processes: { partition: place, problem: '', rows: HOSTILE.map(processRow) },
      log: { partition: place, service: 'web', channel: 'stdout', lines: HOSTILE, problem: '' },
    };
  };

  it('commands no terminal and fits any screen', () => {
    for (const state of states) {
      for (const size of [USUAL_SIZE, { columns: 40, rows: 10 }, { columns: 7, rows: 3 }]) {
        const lines = renderFrame({ data: dataFor(state), state, size, isAscii: false });
        expect(lines.length).toBe(size.rows);
        for (const one of lines) {
          for (const { text } of one.spans) expect(text).not.toMatch(OBEYED);
          expect(lineWidth(one)).toBeLessThanOrEqual(size.columns);
        }
      }
    }
  });

  it('leaves the columns straight on a terminal', () => {
    const screen = new FullScreen(100, 24);
    const lines = renderFrame({
      data: hostile,
      state: topState({ sortBy: 'name' }),
      size: USUAL_SIZE,
      isAscii: false,
    });
    lines.forEach((one, row) => {
      screen.write(`\x1b[${row + 1};1H${encodeLine(one, { hasColors: true, isAscii: false })}`);
    });
    const rows = screen.lines.flatMap((text, row) => (/^[> ]!slap/.test(text) ? [row] : []));
    expect(rows.length).toBe(HOSTILE.length);
    for (const row of rows)
      expect(screen.columnOf(row, '!0/1')).toBe(screen.columnOf(rows[0] ?? 0, '!0/1'));
    expect(screen.problems).toEqual([]);
  });

  it('is plain in a pipe too', () => {
    for (const columns of [undefined, 60]) {
      const lines = renderPlain(hostile, topState(), columns, false);
      for (const text of lines) expect(text).not.toMatch(OBEYED);
    }
    const ascii = renderPlain(hostile, topState(), undefined, true);
    for (const text of ascii) expect(text).toMatch(/^[ -~]*$/);
  });
});

describe('any size', () => {
  it('has as many lines as the screen, none wider', () => {
    const size = fc.record({
      columns: fc.integer({ min: 1, max: 250 }),
      rows: fc.integer({ min: 1, max: 60 }),
    });
    const state = fc.constantFrom(
      topState(),
      topState({ isFiltering: true, filter: 'gree' }),
      topState({ partition: 'slappart0' }),
      topState({ partition: 'slappart0', question: { partition: 'slappart0', service: 'web' } }),
      topState({ text: { subject: { kind: 'help' }, top: 3 } }),
    );
    fc.assert(
      fc.property(size, state, (wanted, shown) => {
        const lines = renderFrame({ data, state: shown, size: wanted, isAscii: false });
        expect(lines.length).toBe(wanted.rows);
        for (const one of lines) expect(lineWidth(one)).toBeLessThanOrEqual(wanted.columns);
      }),
    );
  });

  it('uses the whole width of a chosen row', () => {
    const [chosen] = renderFrame({
      data,
      state: topState(),
      size: USUAL_SIZE,
      isAscii: false,
    }).filter(({ isChosen }) => isChosen);
    expect(cellWidth(chosen?.spans.map(({ text }) => text).join('') ?? '')).toBe(100);
  });
});
