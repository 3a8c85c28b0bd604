/** GNU tar, which unpacks archives, must see the members that were looked at. */
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ArchiveInspector } from '../../../src/networkcache/archive.ts';
import { type Member, renderTar } from '../../support/tar-members.ts';

const TOP = 'h'.repeat(32);
const LIMITS = { plainBytes: 1 << 26, diskBytes: 1 << 26 };

/** Names of an archive that is accepted, as `tar --list` shows them; undefined for a refused one. */
function inspect(archive: Buffer): string[] | undefined {
  const names: string[] = [];
  const inspector = new ArchiveInspector(TOP, LIMITS, ({ name }) => void names.push(name));
  try {
    inspector.take(archive);
    inspector.end();
    return names;
  } catch {
    return undefined;
  }
}

/** Where tar refuses an archive, as what unpacks it, the names until there. */
function expectSame(archive: Buffer, names: readonly string[]): void {
  const argv = ['--list', '--quoting-style=literal', '--show-stored-names', '--file', '-'];
  const { status, stdout } = spawnSync('tar', argv, { input: archive, encoding: 'utf8' });
  const listed = stdout.split('\n').slice(0, -1);
  if (status === 0) expect(listed).toEqual(names);
  else for (const listing of listed) expect(names).toContain(listing);
}

const name = fc.oneof(
  fc.constantFrom(`${TOP}/`, `${TOP}/a`, `${TOP}/a/`, `${TOP}/a/b`, `${TOP}/l`, `${TOP}/l/x`),
  fc.constantFrom(TOP, `${TOP}//a`, `./${TOP}/a`, `${TOP}/../x`, '/etc/x', 'other', `${TOP}/ö`, ''),
);
const record = fc.tuple(
  fc.constantFrom('path', 'linkpath', 'size', 'mtime', 'GNU.sparse.name', 'hdrcharset', 'comment'),
  fc.oneof(name, fc.constantFrom('0', '1', '512', '-1', '1.5', '', ' 3', 'BINARY')),
);

/** `LENGTH NAME=VALUE\n`, the length counting itself. */
function renderRecord([key, value]: readonly [string, string]): string {
  const rest = ` ${key}=${value}\n`;
  const bytes = Buffer.byteLength(rest);
  const digits = String(bytes + String(bytes).length).length;
  return `${bytes + digits}${rest}`;
}

const extension: fc.Arbitrary<Member> = fc.oneof(
  fc.record({
    name: fc.constant('x'),
    type: fc.constantFrom('x', 'x', 'g', 'X'),
    content: fc.array(record, { maxLength: 3 }).map((all) => all.map(renderRecord).join('')),
  }),
  fc.record({
    name: fc.constant('././@LongLink'),
    type: fc.constantFrom('L', 'K'),
    content: name.map((text) => `${text}\0`),
  }),
);
const member: fc.Arbitrary<Member> = fc.record({
  name,
  type: fc.constantFrom('0', '\0', '1', '2', '3', '5', '6', '7', 'S', 'D', 'V', 'Z'),
  linkName: name,
  content: fc.constantFrom('', '', 'x', 'y'.repeat(600)),
});
/** A member whose content is an archive of its own, in which others could find members. */
const nested = fc.tuple(member, fc.array(member, { maxLength: 2 })).map(([outer, inner]) => ({
  ...outer,
  content: renderTar(inner).toString('latin1'),
}));
const archives = fc.array(fc.oneof({ weight: 3, arbitrary: member }, extension, nested), {
  maxLength: 5,
});

it('reads an archive as tar does, whatever stands in it', () => {
  let accepted = 0;
  fc.assert(
    fc.property(archives, (members) => {
      const archive = renderTar(members);
      const names = inspect(archive);
      if (names === undefined) return;
      accepted += 1;
      expectSame(archive, names);
    }),
    { numRuns: 3000, seed: 20261121 },
  );
  expect(accepted).toBeGreaterThan(50);
});

it('refuses or understands an archive in which bytes were changed', () => {
  const good = renderTar([
    { name: `${TOP}/`, type: '5' },
    { name: 'x', type: 'x', content: renderRecord(['path', `${TOP}/a`]) },
    { name: 'a', type: '0', content: 'z'.repeat(700) },
    { name: `${TOP}/l`, type: '2', linkName: '/etc' },
  ]);
  const change = fc.tuple(fc.nat(good.length - 1025), fc.nat(255));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), fc.boolean(), (changes, fix) => {
      const archive = Buffer.from(good);
      for (const [at, byte] of changes) archive[at] = byte;
      if (fix) mendSums(archive);
      const names = inspect(archive);
      if (names !== undefined) expectSame(archive, names);
    }),
    { numRuns: 300 },
  );
});

/** Makes the sums of the headers right again, so that more than the sum is looked at. */
function mendSums(archive: Buffer): void {
  for (const at of [0, 512, 1536, 3072]) {
    const block = archive.subarray(at, at + 512);
    block.fill(' ', 148, 156);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  }
}
