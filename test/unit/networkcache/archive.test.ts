import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ArchiveInspector } from '../../../src/networkcache/archive.ts';
import { type Member, renderTar } from '../../support/tar-members.ts';

const TOP = 'h'.repeat(32);
const LIMITS = { plainBytes: 1 << 26, diskBytes: 1 << 26 };

function inspect(archive: Buffer, pieceBytes = archive.length || 1, limits = LIMITS): void {
  const inspector = new ArchiveInspector(TOP, limits);
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
    ['an empty part of a name', [file(`${TOP}//x`)], 'is not below'],
    [
      'an endless extension',
      [{ name: 'L', type: 'L', content: 'x'.repeat(2 << 20) }],
      'extension is too long',
    ],
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
    ['a sparse file', [top, { name: `${TOP}/x`, type: 'S' }], 'no file, folder or link'],
    ['another volume', [top, { name: `${TOP}/x`, type: 'M' }], 'no file, folder or link'],
    ['a file with the name of a folder', [top, file(`${TOP}/x/`)], 'name of a folder'],
    ['a newline in a name', [top, file(`${TOP}/x\ny`)], 'control character'],
    ['an escape in a name', [top, file(`${TOP}/\u001b[2J`)], 'control character'],
    ['a newline in the target of a link', [top, link(`${TOP}/l`, 'a\nb')], 'control character'],
    [
      'a name that no file can have',
      [{ name: 'L', type: 'L', content: `${TOP}/${'x'.repeat(5000)}\0` }, file(`${TOP}/x`)],
      'too long',
    ],
    [
      'two names for one member',
      [
        { name: 'p', type: 'x', content: `${`${TOP}/a`.length + 9} path=${TOP}/a\n` },
        { name: 'L', type: 'L', content: `${TOP}/b\0` },
        file(`${TOP}/c`),
      ],
      'two extensions',
    ],
    [
      'two pax headers for one member',
      [
        { name: 'p', type: 'x', content: '8 size=1\n'.replace('8', '9') },
        { name: 'p', type: 'x', content: '9 mtime=\n'.replace('9', '10') },
        file(`${TOP}/c`),
      ],
      'two extensions',
    ],
    [
      'a pax size that is no number',
      [{ name: 'p', type: 'x', content: '12 size=0x1\n' }, file(`${TOP}/c`)],
      'no number',
    ],
    [
      'pax records without an end',
      [{ name: 'p', type: 'x', content: '99 path=x\n' }, file(`${TOP}/c`)],
      'damaged',
    ],
    [
      'a sparse file of pax',
      [{ name: 'p', type: 'x', content: '22 GNU.sparse.major=1\n' }, file(`${TOP}/c`)],
      'sparse',
    ],
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

  it('is refused when it is more than the disk takes, or a bomb', () => {
    const large = renderTar([top, { ...file(`${TOP}/a`), content: 'y'.repeat(20_000) }]);
    inspect(large, 512, { plainBytes: large.length, diskBytes: 28_672 });
    expect(() => inspect(large, 512, { ...LIMITS, diskBytes: 28_671 })).toThrow('that are free');
    const many = renderTar(Array.from({ length: 20 }, (_, at) => file(`${TOP}/${at}`)));
    expect(() => inspect(many, 512, { ...LIMITS, diskBytes: 65_536 })).toThrow('that are free');
    const limits = { ...LIMITS, plainBytes: large.length - 1 };
    expect(() => inspect(large, 512, limits)).toThrow('it holds more than');
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
