import { describe, expect, it } from 'vitest';
import type { SlapSoftwareRelease } from '../../../src/slap/master.ts';
import {
  listGarbage,
  listUnknown,
  planSoftware,
  renderCompleted,
  softwareHash,
} from '../../../src/software/release.ts';

const A = 'https://host/a/software.cfg';
const B = 'https://host/b/software.cfg';

function release(url: string, requestedState: 'available' | 'destroyed' = 'available') {
  return { url, computerId: 'C', requestedState } satisfies SlapSoftwareRelease;
}

const path = (url: string) => `/sr/${softwareHash(url)}`;

describe('planSoftware', () => {
  const all = { isForced: false, only: [] };

  it('builds what is not completed and keeps what is', () => {
    const steps = planSoftware([release(A), release(B)], '/sr', all, (each) => each === path(A));
    expect(steps).toEqual([
      { kind: 'keep', url: A, path: path(A) },
      { kind: 'build', url: B, path: path(B) },
    ]);
  });

  it('builds again with --force', () => {
    const steps = planSoftware([release(A)], '/sr', { isForced: true, only: [] }, () => true);
    expect(steps[0]?.kind).toBe('build');
  });

  it('destroys whatever is on disk', () => {
    expect(planSoftware([release(A, 'destroyed')], '/sr', all, () => false)[0]?.kind).toBe(
      'destroy',
    );
  });

  it.each([A, softwareHash(A)])('filters by %s', (item) => {
    const steps = planSoftware(
      [release(A), release(B)],
      '/sr',
      { isForced: false, only: [item] },
      () => true,
    );
    expect(steps).toEqual([{ kind: 'keep', url: A, path: path(A) }]);
  });
});

describe('listGarbage', () => {
  it('takes folders of releases that nobody wants, whatever the filter of the run', () => {
    const c = softwareHash('c');
    const names = [softwareHash(A), softwareHash(B), c, 'shared', c.toUpperCase()];
    expect(listGarbage(names, [release(A), release(B, 'destroyed')])).toEqual([softwareHash(B), c]);
  });
});

describe('renderCompleted', () => {
  it('is the text of asctime', () => {
    expect(renderCompleted(new Date(2026, 10, 20, 23, 32, 12))).toBe('Fri Nov 20 23:32:12 2026');
    expect(renderCompleted(new Date(2026, 0, 2, 3, 4, 5))).toBe('Fri Jan  2 03:04:05 2026');
  });
});

describe('listUnknown', () => {
  it('gives what names no release, by URL or md5', () => {
    const releases = [
      { url: 'http://example.com/software.cfg', computerId: 'C', requestedState: 'available' },
    ] as const;
    const only = ['http://example.com/software.cfg', '91d5c3732524c019b6f1d313793d8809', 'x'];
    expect(listUnknown(releases, only)).toEqual(['x']);
  });
});
