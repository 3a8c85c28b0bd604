import { utimesSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FailingPromises } from '../../../../src/collect/daemon/failing-promises.ts';
import { createGridHost } from '../../../../src/host/create-grid-host.ts';
import type { LookRequest } from '../../../../src/host/folder/look.ts';
import { RESULTS, renderResult, StatusSite } from '../../../support/status-site.ts';

let site: StatusSite;
let nowMs: number;
let asked: number[];
let promises: FailingPromises;

beforeEach(() => {
  site = new StatusSite();
  nowMs = Date.now();
  asked = [];
  const host = createGridHost();
  const look = (root: string, request: LookRequest) => {
    asked.push(request.texts?.length ?? 0);
    return host.look(root, request);
  };
  promises = new FailingPromises({
    host: { look },
    instanceRoot: site.root,
    nowMs: () => nowMs,
  });
});
afterEach(() => site.remove());

const count = () => promises.count([0, 1, 2].map((index) => site.path(`slappart${index}`)));

it('counts those that fail, and nothing where there are no results', async () => {
  site.write(`slappart0/${RESULTS}/a.status.json`, renderResult('', true));
  site.write(`slappart0/${RESULTS}/b.status.json`, renderResult('', false));
  site.write(`slappart0/${RESULTS}/c.status.json`, 'garbage');
  site.write(`slappart2/${RESULTS}/a.status.json`, renderResult('', false));
  expect(await count()).toEqual([1, undefined, 0]);
});

it('reads a folder that did not change once, and few files of a full one', async () => {
  for (let index = 0; index < 1000; index += 1) {
    site.write(`slappart0/${RESULTS}/${index}.status.json`, renderResult('', true));
  }
  utimesSync(site.path('slappart0', RESULTS), nowMs / 1000 - 60, nowMs / 1000 - 60);
  expect(await count()).toEqual([200, undefined, undefined]);
  expect(Math.max(...asked)).toBeLessThanOrEqual(64);
  asked.length = 0;
  nowMs += 120_000;
  expect(await count()).toEqual([200, undefined, undefined]);
  expect(asked).toEqual([0]);
});

it('counts nothing where the root of the instances cannot be read', async () => {
  const host = createGridHost();
  const lost = new FailingPromises({ host, instanceRoot: '/nowhere', nowMs: () => nowMs });
  expect(await lost.count(['/nowhere/slappart0'])).toEqual([undefined]);
});
