/**
 * A pass that looks at all partitions together says and does what one does that opens each of them:
 * two sites get the same things planted, one of them with a manager, which forbids the short way.
 */
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { GridContext } from '../../../src/grid/context.ts';
import { findSettled } from '../../../src/instance/find-settled.ts';
import { runInstance } from '../../../src/instance/run-instance.ts';
import { TOLD_STATES } from '../../../src/instance/told-states.ts';
import { createGridSite, type GridSite } from '../../support/grid-site.ts';
import { requires } from '../../support/requires.ts';

const LATER = 4e9;
/** A promise that ran in what is the future has a clock behind it that was wrong. */
const EARLIER = Math.floor(Date.now() / 1000) - 60;

/** What the last run of a promise left. */
function ranBefore(site: GridSite, index: number, title: string, hasFailed = false, path?: string) {
  const moduleFile = path ?? site.path(`slappart${index}`, 'etc/promise', title);
  const mtime = path === undefined ? lstatSync(moduleFile).mtimeMs / 1000 : 0;
  const cache = { next_run_after: LATER, timestamp: EARLIER, module_file: moduleFile };
  const text = JSON.stringify({ ...cache, periodicity: 2, module_file_mtime: mtime });
  site.write(index, `.slapgrid/promise/cache/${title}`, text);
  const result = { type: 'Test Result', failed: hasFailed, message: 'as before' };
  site.write(index, `.slapgrid/promise/result/${title}.status.json`, JSON.stringify({ result }));
}

function promise(site: GridSite, index: number, title: string, script = 'exit 0') {
  site.write(index, `etc/promise/${title}`, `#!/bin/sh\n${script}\n`, 0o755);
}

type Plant = (site: GridSite, index: number) => void;
const at = (site: GridSite, index: number, path: string) => site.path(`slappart${index}`, path);
const link =
  (target: string, path: string): Plant =>
  (site, index) => {
    rmSync(at(site, index, path), { force: true, recursive: true });
    symlinkSync(target, at(site, index, path));
  };

const PLANTS: Readonly<Record<string, Plant>> = {
  nothing: () => {},
  'an older timestamp': (site, index) => site.wish(index, { parameters: { timestamp: '0' } }),
  'a float timestamp': (site, index) => site.wish(index, { parameters: { timestamp: '1.0' } }),
  'no timestamp': (site, index) => site.wish(index, { parameters: {} }),
  'no parameters': (site, index) => site.wish(index, { parameters: null }),
  'a pass long ago': (site, index) => utimesSync(at(site, index, '.timestamp'), 1, 1),
  'a missing .timestamp': (site, index) => rmSync(at(site, index, '.timestamp')),
  'a link as .timestamp': link('/etc/hostname', '.timestamp'),
  'a folder as .timestamp': (site, index) => {
    rmSync(at(site, index, '.timestamp'));
    mkdirSync(at(site, index, '.timestamp'));
  },
  'a transaction file': (site, index) =>
    site.write(index, `.slapos-request-transaction-slappart${index}`, 'a\n'),
  'a link as transaction file': (site, index) =>
    link('/nowhere', `.slapos-request-transaction-slappart${index}`)(site, index),
  'a promise that never ran': (site, index) => promise(site, index, 'check'),
  'a failing promise that never ran': (site, index) => promise(site, index, 'check', 'exit 1'),
  'a promise that is not due': (site, index) => {
    promise(site, index, 'check', 'exit 1');
    ranBefore(site, index, 'check');
  },
  'a promise that is not due and failed': (site, index) => {
    promise(site, index, 'check');
    ranBefore(site, index, 'check', true);
  },
  'a promise that is not due and one that is': (site, index) => {
    for (const title of ['a', 'b']) promise(site, index, title);
    ranBefore(site, index, 'a');
  },
  'a promise that changed': (site, index) => {
    promise(site, index, 'check', 'exit 1');
    ranBefore(site, index, 'check');
    utimesSync(at(site, index, 'etc/promise/check'), 5, 5);
  },
  'a promise whose module is gone': (site, index) => {
    promise(site, index, 'check');
    ranBefore(site, index, 'check', false, '/no/such/module.py');
  },
  'a cache that is none': (site, index) => {
    promise(site, index, 'check');
    ranBefore(site, index, 'check');
    site.write(index, '.slapgrid/promise/cache/check', '{');
  },
  'a result that is none': (site, index) => {
    promise(site, index, 'check');
    ranBefore(site, index, 'check');
    site.write(index, '.slapgrid/promise/result/check.status.json', 'true');
  },
  'a link as cache': (site, index) => {
    promise(site, index, 'check');
    ranBefore(site, index, 'check');
    link('/etc/hostname', '.slapgrid/promise/cache/check')(site, index);
  },
  'a promise without the right to be run': (site, index) => {
    promise(site, index, 'check');
    ranBefore(site, index, 'check');
    chmodSync(at(site, index, 'etc/promise/check'), 0o644);
  },
  'a promise that is a link to a program': (site, index) => {
    rmSync(at(site, index, 'etc/promise/check'), { force: true });
    symlinkSync('/bin/true', at(site, index, 'etc/promise/check'));
  },
  'a promise that is a link to nothing': link('/nowhere', 'etc/promise/check'),
  'two promises of one title': (site, index) => {
    for (const name of ['check.sh', 'check.py']) promise(site, index, name);
    ranBefore(site, index, 'check', false, '/bin/sh');
  },
  'a link as folder of promises': link('/etc', 'etc/promise'),
  'a file as folder of promises': (site, index) => {
    rmSync(at(site, index, 'etc/promise'), { recursive: true });
    site.write(index, 'etc/promise', '');
  },
  'a Master that knows it as started': (site, index) =>
    site.wish(index, { accessStatus: '#access Instance correctly started' }),
  'a Master that knows it as failed': (site, index) =>
    site.wish(index, { accessStatus: '#error no' }),
  'a folder of root': (site, index) => chownSync(site.path(`slappart${index}`), 0, 0),
  'the wish to stop it': (site, index) =>
    site.wish(index, { requestedState: 'stopped', parameters: { timestamp: '2' } }),
};
const NAMES = Object.keys(PLANTS);

/** Calls, lines and files, without what differs between two sites. */
function traces(site: GridSite) {
  const plain = (text: string) => text.replaceAll(site.root, 'SITE').replace(/\d{2,}/g, 'N');
  const files = NAMES.flatMap((name, index) =>
    listTree(site.path(`slappart${index}`)).map((line) => `${name}: ${plain(line)}`),
  );
  return {
    calls: [...site.master.calls].sort(),
    lines: site.log.lines.map(plain).sort(),
    files,
  };
}

function listTree(folder: string, path = ''): string[] {
  return readdirSync(`${folder}${path}`)
    .filter((name) => name !== 'ran-as')
    .sort()
    .flatMap((name): string[] => {
      const entry = `${path}/${name}`;
      const status = lstatSync(`${folder}${entry}`);
      if (status.isDirectory()) return [entry, ...listTree(folder, entry)];
      if (status.isSymbolicLink()) return [`${entry} -> ${readlinkSync(`${folder}${entry}`)}`];
      // Written by the software's services in their own time, or dated.
      const isDated = /\.slapgrid|environment/.test(entry);
      return [`${entry} ${isDated ? '' : readFileSync(`${folder}${entry}`, 'utf8')}`];
    });
}

requires('root', 'netns')('partitions for which nothing is to be done', () => {
  let quick: GridSite;
  let thorough: GridSite;

  beforeEach(() => {
    [quick, thorough] = [createSite(), createSite()];
  });
  afterEach(async () => {
    for (const site of [quick, thorough]) await site.remove();
  });

  const createSite = () => {
    const site = createGridSite({ partitions: NAMES.length });
    site.installSoftware();
    return site;
  };
  const pass = (site: GridSite, changes: Partial<GridContext> = {}) => {
    site.master.calls.length = 0;
    site.log.lines.length = 0;
    return runInstance({ ...site.context(), ...changes }, site.openSupervisor);
  };
  /** Has something to do for every partition. */
  const managers = [{ name: 'idle', asksBy: ['.'] }];

  it('are passed over as if each had been opened', { timeout: 60_000 }, async () => {
    for (const site of [quick, thorough]) {
      expect(await pass(site)).toBe(0);
      for (const [index, name] of NAMES.entries()) PLANTS[name]?.(site, index);
    }
    for (let round = 0; round < 2; round += 1) {
      const statuses = [await pass(quick), await pass(thorough, { managers })];
      expect(statuses[0]).toBe(statuses[1]);
      expect(traces(quick)).toEqual(traces(thorough));
    }
  });

  it('are those with nothing that is due, failed, unusual or unknown to the Master', async () => {
    await pass(quick);
    for (const [index, name] of NAMES.entries()) PLANTS[name]?.(quick, index);
    const told = { isTold: () => true, forget: async () => {}, remember() {}, disbelieve() {} };
    const context = { ...quick.context(), told };
    const { settled } = await findSettled(context, quick.master.partitions);
    const found = NAMES.filter((_, index) => settled.has(`slappart${index}`));
    expect(found).toEqual([
      'nothing',
      'a promise that is not due',
      'a Master that knows it as started',
    ]);
    expect(settled.get(`slappart${NAMES.indexOf('a promise that is not due')}`)).toBe(1);
  });

  it('are not those that managers have something to do for', async () => {
    await pass(quick);
    const told = { isTold: () => true, forget: async () => {}, remember() {}, disbelieve() {} };
    const find = async () => {
      const manager = { name: 'some', asksBy: ['.asks', 'etc/asks'], groupSuffix: 'some' };
      const context = { ...quick.context(), told, managers: [manager] };
      return [...(await findSettled(context, quick.master.partitions)).settled.keys()];
    };
    const all = await find();
    expect(all.length).toBeGreaterThan(3);
    const [asking = '', broken = '', group = ''] = all;
    quick.write(Number(asking.slice('slappart'.length)), 'etc/asks', '');
    symlinkSync('/etc/passwd', quick.path(broken, '.asks'));
    writeFileSync(quick.path('etc/supervisord.conf.d', `${group}-some.conf`), '');
    writeFileSync(quick.path('etc/supervisord.conf.d', `${group}1-other.conf`), '');
    expect(await find()).toEqual(all.slice(3));
  });

  it('cost no lock, no call of the Master and no contact with the supervisor', async () => {
    await pass(quick);
    quick.supervisor.calls.length = 0;
    const host = quick.context().host;
    const locked: string[] = [];
    const lockPartition = async (_root: string, id: string) => {
      locked.push(id);
      return () => {};
    };
    expect(await pass(quick, { host: { ...host, lockPartition } })).toBe(0);
    expect(locked).toEqual([]);
    expect(quick.master.calls).toEqual(['getFullComputerInformation']);
    expect(quick.supervisor.calls).toEqual([]);
  });

  it('are told to the Master again when what it was told is not certain', async () => {
    await pass(quick);
    writeFileSync(quick.path(TOLD_STATES), '{"unfinished":"1"}\n');
    await pass(quick);
    expect(quick.master.calls).toHaveLength(1 + NAMES.length);
    // The mark may be that of a command that is still under way.
    expect(quick.exists(TOLD_STATES)).toBe(false);
    await pass(quick);
    expect(quick.master.calls).toHaveLength(1 + NAMES.length);
    await pass(quick);
    expect(quick.master.calls).toHaveLength(1);
  });
});
