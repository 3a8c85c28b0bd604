import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ArchiveInspector } from '../../../src/networkcache/archive.ts';
import { type Member, renderTar } from '../../support/tar-members.ts';

const TOP = 'h'.repeat(32);

function inspect(archive: Buffer, pieceBytes = archive.length || 1): void {
  const inspector = new ArchiveInspector(TOP);
  for (let at = 0; at < archive.length; at += pieceBytes) {
    inspector.take(archive.subarray(at, at + pieceBytes));
  }
  inspector.end();
}

const top: Member = { name: `${TOP}/`, type: '5' };
const file = (name: string): Member => ({ name, type: '0', content: 'x' });
const link = (name: string, linkName: string): Member => ({ name, type: '2', linkName });

describe('an archive of a release', () => {
  it('may hold folders, files, and links to anywhere', () => {
    const members = [
      top,
      file(`${TOP}/a`),
      link(`${TOP}/b`, '/opt/slapgrid/shared/x'),
      link(`${TOP}/c`, '../../x'),
      { name: `${TOP}/d`, type: '1', linkName: `${TOP}/a` },
    ];
    inspect(renderTar(members));
  });

  it.each<[string, readonly Member[], string]>([
    ['a way out', [top, file(`${TOP}/../x`)], 'is not below'],
    ['an absolute name', [file('/etc/x')], 'is not below'],
    ['another top', [top, file('other/x')], 'is not below'],
    ['a dot', [file(`./${TOP}/x`)], 'is not below'],
    ['a file for a top', [file(TOP)], 'is no folder'],
    ['a link for a top', [link(TOP, '/etc')], 'is no folder'],
    [
      'a file through a link',
      [top, link(`${TOP}/l`, '/etc'), file(`${TOP}/l/x`)],
      'through a link',
    ],
    [
      'a hard link through a link',
      [top, link(`${TOP}/l`, '/etc'), { name: `${TOP}/x`, type: '1', linkName: `${TOP}/l/passwd` }],
      'through a link',
    ],
    [
      'a hard link to elsewhere',
      [{ name: `${TOP}/x`, type: '1', linkName: '/etc/passwd' }],
      'not below',
    ],
    [
      'a file through a second name of a link',
      [
        top,
        link(`${TOP}/l`, '/etc'),
        { name: `${TOP}/m`, type: '1', linkName: `${TOP}/l` },
        file(`${TOP}/m/x`),
      ],
      'through a link',
    ],
    ['a folder with content', [{ ...top, content: 'x' }], 'has content'],
    ['a link with content', [top, { ...link(`${TOP}/l`, 'x'), content: 'x' }], 'has content'],
    ['a character device', [top, { name: `${TOP}/x`, type: '3' }], 'no file, folder or link'],
    ['a block device', [top, { name: `${TOP}/x`, type: '4' }], 'no file, folder or link'],
    ['a pipe', [top, { name: `${TOP}/x`, type: '6' }], 'no file, folder or link'],
    ['nothing', [], 'the archive is empty'],
    [
      'a long name that leads out',
      [{ name: '././@LongLink', type: 'L', content: '../../etc/x\0' }, file(`${TOP}/x`)],
      'is not below',
    ],
    [
      'a pax path that leads out',
      [{ name: 'p', type: 'x', content: '20 path=../../etc/x\n' }, file(`${TOP}/x`)],
      'is not below',
    ],
    [
      'global records',
      [{ name: 'p', type: 'g', content: '14 path=/etc/\n' }, file(`${TOP}/x`)],
      'global pax records',
    ],
  ])('may not hold %s', (_what, members, why) => {
    expect(() => inspect(renderTar(members))).toThrow(why);
  });

  it('is refused when it is cut off or no archive at all', () => {
    const whole = renderTar([top, file(`${TOP}/a`)]);
    expect(() => inspect(whole.subarray(0, 1100))).toThrow('cut off');
    expect(() => inspect(Buffer.from('hello '.repeat(1000)))).toThrow('no tar archive');
    expect(() => inspect(Buffer.alloc(0))).toThrow('empty');
  });

  it('is never misread, whatever the pieces', () => {
    const members = [top, { ...file(`${TOP}/a`), content: 'y'.repeat(5000) }, file(`${TOP}/b`)];
    const good = renderTar(members);
    const bad = renderTar([...members, file('out')]);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3000 }), (pieceBytes) => {
        inspect(good, pieceBytes);
        expect(() => inspect(bad, pieceBytes)).toThrow('is not below');
      }),
      { numRuns: 50 },
    );
  });

  it('holds no surprise for random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 4096 }), (bytes) => {
        expect(() => inspect(Buffer.from(bytes))).toThrow(Error);
      }),
    );
  });
});

describe('an archive made by a real program', () => {
  let folder: string;
  const long = 'n'.repeat(150);

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'slapos-archive-'));
    const path = join(folder, TOP);
    mkdirSync(join(path, long, long), { recursive: true });
    writeFileSync(join(path, long, long, 'été'), 'x'.repeat(100_000));
    symlinkSync('/'.padEnd(200, 'l'), join(path, 'link'));
    linkSync(join(path, long, long, 'été'), join(path, 'hard'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(['gnu', 'pax', 'posix'])('is understood in format %s', (format) => {
    const argv = ['--create', `--format=${format}`, '--directory', folder, TOP];
    inspect(execFileSync('tar', argv, { maxBuffer: 1 << 26 }), 700);
  });
});
