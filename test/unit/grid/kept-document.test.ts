/** The Master's document, kept with its tag: used only when it is surely ours. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { decodeComputer, encodeComputer } from '../../../src/grid/computer-json.ts';
import type { GridContext } from '../../../src/grid/context.ts';
import { KEPT_DOCUMENT, openKeptDocument } from '../../../src/grid/kept-document.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { MarshalFloat, MarshalTuple, type MarshalValue } from '../../../src/slap/marshal-value.ts';
import type { SlapComputer } from '../../../src/slap/master.ts';
import { createSlapClient } from '../../../src/slap/slap-client.ts';
import { marshalValues } from '../../support/marshal-values.ts';
import {
  computerDocument,
  instanceRequest,
  type ProxyFixture,
  startProxy,
} from '../../support/proxy-fixture.ts';
import { slapPartition } from '../../support/slap-partition.ts';

function computerOf(parameters: Readonly<Record<string, MarshalValue>> | null): SlapComputer {
  const release = { url: 'u', computerId: 'COMP-1', requestedState: 'available' } as const;
  const partitions = [slapPartition({ parameters })];
  return { computerId: 'COMP-1', softwareReleases: [release], partitions };
}

/** `var` with one file, both root's as far as a test knows. */
class MemoryFolder {
  readonly uid = process.geteuid?.() ?? 0;
  text: string | undefined;
  isFull = false;
  parent = { kind: 'directory', uid: this.uid, mode: 0o755 };
  file = { kind: 'file', uid: this.uid, mode: 0o600 };

  async stat(path: string) {
    if (path === 'var') return this.parent;
    return path === KEPT_DOCUMENT && this.text !== undefined ? this.file : undefined;
  }
  async readSole() {
    return this.text === undefined ? undefined : Buffer.from(this.text);
  }
  async write(_path: string, text: string, { mode }: { mode: number }) {
    if (this.isFull) throw new Error('ENOSPC');
    this.text = text;
    this.file = { ...this.file, mode };
  }
}

const SOURCE = { masterUrl: 'https://master/', computerId: 'COMP-1' };
let folder: MemoryFolder;
beforeEach(() => {
  folder = new MemoryFolder();
});

function open(source: object = SOURCE, keeps = true) {
  const host = { openFolder: () => folder };
  const context = { host, log: silentLogger, options: { ...source, instanceRoot: '/r' } };
  return openKeptDocument(context as unknown as GridContext, keeps);
}

test('values come back as they were, or the document is not kept', () => {
  const isCarried = (value: MarshalValue): boolean => {
    if (typeof value === 'bigint' || value instanceof MarshalFloat) return false;
    if (value instanceof MarshalTuple) return value.items.every(isCarried);
    if (typeof value !== 'object' || value === null) return true;
    return Object.values(value as object).every(isCarried);
  };
  fc.assert(
    fc.property(marshalValues(), (value) => {
      const computer = computerOf({ a: value });
      const work = () => decodeComputer(encodeComputer(computer));
      if (isCarried(value)) expect(work()).toEqual(computer);
      else expect(work).toThrow(RangeError);
    }),
  );
});

test('names of every kind are names, and tuples stay tuples', () => {
  const parameters = JSON.parse('{"__proto__": "x", "constructor": {"__proto__": ["y"]}}');
  const ipList = [new MarshalTuple(['tap0', '10.0.0.1'])];
  const text = encodeComputer(computerOf({ ...parameters, ip_list: ipList }));
  const [partition] = decodeComputer(text).partitions;
  expect(partition?.parameters?.['ip_list']).toStrictEqual(ipList);
  expect(Object.keys(partition?.parameters ?? {}).sort()).toEqual([
    '__proto__',
    'constructor',
    'ip_list',
  ]);
  const own = decodeComputer(encodeComputer(computerOf(parameters))).partitions[0]?.parameters;
  expect(Object.entries(own ?? {})).toContainEqual(['__proto__', 'x']);
  expect(own?.['toString']).toBeUndefined();
  expect(decodeComputer(encodeComputer(computerOf(null)))).toEqual(computerOf(null));
});

test('a small document of references that stands for a huge one is not kept', async () => {
  let value: MarshalValue = 'x';
  for (let level = 0; level < 40; level += 1) value = [value, value];
  await open().keep('"1"', computerOf({ a: value }));
  expect(folder.text).toBeUndefined();
});

describe('the file', () => {
  beforeEach(async () => {
    await open().keep('"1"', computerOf({ a: 'b' }));
  });
  const tag = async (source?: object) => (await open(source).recall())?.tag;

  test('is for its owner alone, and gives tag and document', async () => {
    expect(folder.file.mode).toBe(0o600);
    const known = await open().recall();
    expect(known?.tag).toBe('"1"');
    expect(known?.read()).toEqual(computerOf({ a: 'b' }));
  });

  test('is of one Master and one computer', async () => {
    expect(await tag({ ...SOURCE, masterUrl: 'https://other/' })).toBeUndefined();
    expect(await tag({ ...SOURCE, computerId: 'COMP-2' })).toBeUndefined();
    expect(await tag()).toBe('"1"');
  });

  test.each([
    ['another owner', () => (folder.file.uid += 1)],
    ['a group that may write', () => (folder.file.mode = 0o620)],
    ['others that may write', () => (folder.file.mode = 0o602)],
    ['a link', () => (folder.file.kind = 'link')],
    ['a folder of another owner', () => (folder.parent.uid += 1)],
    ['a folder that others may write to', () => (folder.parent.mode = 0o1777)],
    ['a folder that is a link', () => (folder.parent.kind = 'link')],
  ])('is not believed with %s', async (_what, spoil) => {
    spoil();
    expect(await tag()).toBeUndefined();
  });

  test('is not believed with any byte changed or missing', async () => {
    const { text = '' } = folder;
    const start = text.indexOf('\n');
    for (let at = 0; at < text.length; at += 1) {
      folder.text = `${text.slice(0, at)}${text[at] === '0' ? '1' : '0'}${text.slice(at + 1)}`;
      const known = await tag();
      // The tag is only asked about: a wrong one is answered with the whole document.
      if (at > start) expect(known).toBeUndefined();
      folder.text = text.slice(0, at);
      expect(await tag()).toBeUndefined();
    }
    folder.text = `${text}\n`;
    expect(await tag()).toBeUndefined();
  });

  test('is left alone by a command that changes nothing, and by a full disk', async () => {
    await open(SOURCE, false).keep('"2"', computerOf(null));
    expect(await tag()).toBe('"1"');
    folder.isFull = true;
    await open().keep('"2"', computerOf(null));
    expect(await tag()).toBe('"1"');
  });
});

describe('with a Master that gives tags', () => {
  let proxy: ProxyFixture;
  beforeEach(async () => {
    proxy = await startProxy();
    await proxy.master.loadComputerConfiguration(computerDocument(2));
  });
  afterEach(() => proxy.close());

  test('the document is asked for once, and again when it changed', async () => {
    let reads = 0;
    const memory = open();
    const ask = () => {
      return proxy.master.getFullComputerInformation('COMP-1', {
        keep: memory.keep,
        async recall() {
          const known = await memory.recall();
          if (known === undefined) return undefined;
          const read = () => {
            reads += 1;
            return known.read();
          };
          return { ...known, read };
        },
      });
    };
    const first = await ask();
    expect(reads).toBe(0);
    expect(await ask()).toEqual(first);
    expect(reads).toBe(1);
    await proxy.master.requestInstance(instanceRequest('a', { parameters: { b: 'é\n<' } }));
    const changed = await ask();
    expect(reads).toBe(1);
    expect(changed.partitions[0]?.parameters).toMatchObject({ b: 'é\n<' });
    expect(await ask()).toEqual(changed);
    expect(reads).toBe(2);
  });

  test('a tag that is not its own changes nothing', async () => {
    await open().keep('"of another time"', computerOf({ a: 'b' }));
    const computer = await proxy.master.getFullComputerInformation('COMP-1', open());
    expect(computer.partitions).toHaveLength(2);
    expect((await open().recall())?.read()).toEqual(computer);
  });

  test('an unknown computer and a Master that is away fail as ever', async () => {
    await open().keep('"1"', computerOf({ a: 'b' }));
    const unknown = proxy.master.getFullComputerInformation('COMP-9', open());
    await expect(unknown).rejects.toMatchObject({ code: 'SLAPOS_ERR_MASTER_NOT_FOUND' });
    const away = createSlapClient({ masterUrl: 'http://127.0.0.1:9/' });
    const lost = away.getFullComputerInformation('COMP-1', open());
    await expect(lost).rejects.toMatchObject({ code: 'SLAPOS_ERR_MASTER_UNAVAILABLE' });
    await away.close();
  });
});
