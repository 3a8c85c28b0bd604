import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { describeUnknownKey, listUnknownKeys, nearestName } from '../../../src/config/check.ts';
import { listEffectiveValues } from '../../../src/config/effective.ts';
import { parseConfig } from '../../../src/config/read.ts';
import { knownKeys, SECTIONS } from '../../../src/config/schema.ts';

const fixture = join(import.meta.dirname, '../../fixtures/config/shipped-keys.cfg');

function unknown(text: string): string[] {
  const config = parseConfig(text, 'F');
  return listUnknownKeys(config).map((one) => describeUnknownKey(one, 'F'));
}

function effective(text: string, section: string, key: string) {
  const found = listEffectiveValues(parseConfig(text, 'F')).find(
    (value) => value.section === section && value.key === key,
  );
  return [found?.value, found?.origin, found?.at?.section, found?.at?.key, found?.at?.line];
}

describe('the table', () => {
  test('has each key once', () => {
    for (const section of SECTIONS) {
      const names = section.keys.flatMap((spec) => [spec.key, ...(spec.oldNames ?? [])]);
      expect(new Set(names).size).toBe(names.length);
      for (const name of names) expect(name).toBe(name.toLowerCase());
    }
  });

  test('knows every key of the configuration that upstream ships', () => {
    expect(unknown(readFileSync(fixture, 'utf8'))).toEqual([]);
  });
});

describe('unknown keys', () => {
  test('are told with the nearest name', () => {
    expect(unknown('[slapos]\ncomputer-id = 1\n[slapformat]\npartition_amout = 2\n')).toEqual([
      "Unknown key 'computer-id' in section 'slapos' at F line 2; did you mean computer_id?",
      "Unknown key 'partition_amout' in section 'slapformat' at F line 4; did you mean partition_amount?",
    ]);
  });

  test('are not looked for in sections of others, nor among the defaults', () => {
    expect(unknown('[DEFAULT]\nx = 1\n[slapos]\n[monitor]\ny = 1\n[manager:x]\nz = 1\n')).toEqual(
      [],
    );
    expect(unknown('[disabled-firewall]\ny = 1\n')).toEqual([]);
  });

  test('do not include keys that upstream merges from another section', () => {
    expect(unknown('[slapos]\ninterface_name = lo\ndownload-cache-url = u\nport = 1\n')).toEqual(
      [],
    );
    expect(unknown('[slapformat]\ninstance_storage_home = /x\n')).toEqual([]);
    expect(unknown('[multimaster/http://x/]\nkey = a\ncret = b\n')).toHaveLength(1);
  });

  test('far names are not guessed', () => {
    const [slapos] = SECTIONS;
    if (slapos === undefined) throw new Error('no section');
    expect(nearestName('zzzzzzzz', knownKeys(slapos))).toBeUndefined();
    expect(nearestName('x', knownKeys(slapos))).toBeUndefined();
  });
});

describe('values in effect', () => {
  test.each([
    ['', 'slapos', 'root_check', ['true', 'default', undefined, undefined, undefined]],
    ['', 'slapos', 'key_file', [undefined, 'absent', undefined, undefined, undefined]],
    ['[slapos]\nroot_check=no', 'slapos', 'root_check', ['no', 'file', 'slapos', 'root_check', 2]],
    [
      '[slapos]\ncreate_tap=false\n[slapformat]\ncreate_tap=true',
      'slapformat',
      'create_tap',
      ['false', 'file', 'slapos', 'create_tap', 2],
    ],
    [
      '[slapos]\ndownload-dir-url=a\n[networkcache]\ndownload-dir-url=b',
      'networkcache',
      'download-dir-url',
      ['b', 'file', 'networkcache', 'download-dir-url', 4],
    ],
    [
      '[collect]\ntime_cycle=5',
      'collect',
      'disk_snapshot_time_cycle',
      ['5', 'file', 'collect', 'time_cycle', 2],
    ],
    [
      '[slapproxy]\nhost=a\n[slapos]\nhost=b',
      'slapproxy',
      'host',
      ['a', 'file', 'slapproxy', 'host', 2],
    ],
    [
      '[slapos]\nhost=b\n[slapproxy]\nhost=a',
      'slapproxy',
      'host',
      ['b', 'file', 'slapos', 'host', 2],
    ],
  ])('%j [%s] %s', (text, section, key, expected) => {
    expect(effective(text, section, key)).toEqual(expected);
  });

  test('a section that turns something on is shown only when it is there', () => {
    const sections = (text: string) =>
      new Set(listEffectiveValues(parseConfig(text, 'F')).map((value) => value.section));
    expect([...sections('')]).toEqual(['slapos', 'slapformat', 'networkcache', 'collect']);
    expect(sections('[firewall]\n').has('firewall')).toBe(true);
    expect(sections('[multimaster/u]\n').has('multimaster/u')).toBe(true);
  });

  test.each([
    ['[slapos]\nroot_check = maybe', 'maybe is neither True nor False.'],
    ['[slapformat]\npartition_amount = ten', 'Not an integer: ten'],
    ['[slapformat]\ntap_mode = x', 'Not one of auto, routed, bridged: x'],
  ])('%j is refused', (text, message) => {
    expect(() => listEffectiveValues(parseConfig(text, 'F'))).toThrow(
      expect.objectContaining({ message, code: 'SLAPOS_ERR_CONFIG_VALUE' }),
    );
  });
});
