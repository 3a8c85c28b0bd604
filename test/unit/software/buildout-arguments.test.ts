import { describe, expect, it } from 'vitest';
import {
  addRevision,
  buildoutArguments,
  needsBootstrap,
  renderSoftwareProfile,
} from '../../../src/software/buildout-arguments.ts';

describe('buildoutArguments', () => {
  it('has the documented order', () => {
    const networkcache = new Map([
      ['signature-private-key-file', '/k'],
      ['upload-cache-url', 'https://cache'],
      ['shadir-key-file', '/s'],
    ]);
    expect(buildoutArguments({ path: '/sr/x', isForced: false, networkcache })).toEqual([
      'buildout:extends-cache=/sr/x/extends-cache',
      'buildout:directory=/sr/x',
      'buildout:networkcache-section=networkcache',
      'networkcache:signature-private-key-file=/k',
      'networkcache:upload-cache-url=https://cache',
      'networkcache:shadir-key-file=/s',
      '-N',
      '-c',
      '/sr/x/buildout.cfg',
    ]);
  });

  it('leaves -N out when forced and the section out when nothing is uploaded', () => {
    const networkcache = new Map([['shadir-key-file', '/s']]);
    expect(buildoutArguments({ path: '/x', isForced: true, networkcache })).toEqual([
      'buildout:extends-cache=/x/extends-cache',
      'buildout:directory=/x',
      'networkcache:shadir-key-file=/s',
      '-c',
      '/x/buildout.cfg',
    ]);
  });
});

describe('renderSoftwareProfile', () => {
  it('keeps the leading empty line of lists and indents by a tab', () => {
    const text = renderSoftwareProfile('https://host/100%/software.cfg', '\n/opt/a\n  /opt/b', '');
    expect(text).toBe(
      '[buildout]\n' +
        'extends = https://host/100%/software.cfg\n' +
        'shared-part-list = \n\t/opt/a\n\t/opt/b\n' +
        'build-time-part-list = \n',
    );
  });
});

describe('addRevision', () => {
  const now = new Date('2026-11-20T23:32:12Z');

  it('appends a comment once', () => {
    const first = addRevision('[buildout]\n', 'heads/main-0-gabc', now);
    expect(first).toBe('[buildout]\n# 2026-11-20 23:32:12 git revision: heads/main-0-gabc\n');
    expect(addRevision(first ?? '', 'heads/main-0-gabc', now)).toBeUndefined();
    expect(addRevision(first ?? '', 'heads/main-0-gdef', now)).toContain('gabc\n# ');
  });
});

describe('needsBootstrap', () => {
  it.each([
    [false, false, true],
    [false, true, false],
    [true, true, true],
    [true, false, true],
  ])('marker %s, buildout %s: %s', (hadSkippedMarker, hasBuildout, expected) => {
    expect(needsBootstrap({ hadSkippedMarker, hasBuildout })).toBe(expected);
  });
});
