import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isPartitionServiceFile,
  refusedServiceNames,
  renderServiceGroup,
  type ServiceFacts,
} from '../../../src/instance/services.ts';

const FACTS: ServiceFacts = {
  partitionId: 'slappart0',
  folder: '/srv/slapgrid/slappart0',
  uid: 1000,
  gid: 1000,
  userName: 'slapuser0',
  home: '/srv/slapgrid/slappart0',
  runNames: [],
  serviceNames: [],
};

describe('renderServiceGroup', () => {
  it('is byte for byte what the specification shows', () => {
    const expected = readFileSync(
      join(import.meta.dirname, '..', '..', 'fixtures', 'instance', 'slappart0.conf'),
      'utf8',
    );
    const text = renderServiceGroup({
      ...FACTS,
      runNames: ['crond'],
      serviceNames: ['apache-0123'],
    });
    expect(text).toBe(expected);
  });

  it('lists run scripts before services, each sorted by code point', () => {
    const text = renderServiceGroup({
      ...FACTS,
      runNames: ['b', 'a', 'Z'],
      serviceNames: ['0', '.hidden'],
    });
    expect(text?.split('\n')[1]).toBe(
      'programs=slappart0_Z,slappart0_a,slappart0_b,slappart0_.hidden,slappart0_0',
    );
  });

  it('lets a service replace the run script of its name, in its place', () => {
    const text = renderServiceGroup({ ...FACTS, runNames: ['a', 'b'], serviceNames: ['a'] });
    expect(text?.split('\n')[1]).toBe('programs=slappart0_a,slappart0_b');
    expect(text).toContain('process_name=a-on-watch');
    expect(text).not.toContain('etc/run/a\n');
  });

  it('is nothing without programs', () => {
    expect(renderServiceGroup(FACTS)).toBeUndefined();
    expect(renderServiceGroup({ ...FACTS, runNames: ['a b'] })).toBeUndefined();
  });

  it('never lets a name become syntax', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), (names) => {
        const text = renderServiceGroup({ ...FACTS, serviceNames: names }) ?? '';
        const sections = text.split('\n').filter((line) => line.startsWith('['));
        const accepted = names.filter((name) => !refusedServiceNames([name]).length);
        const programs = new Set(accepted).size;
        expect(sections).toHaveLength(programs === 0 ? 0 : programs + 1);
        expect(text).not.toMatch(/[%;'\r\t]/);
      }),
    );
  });
});

describe('refusedServiceNames', () => {
  it.each(['a b', 'a\nb', 'a%b', 'a;b', 'a:b', 'a,b', 'a=b', '"a', "'a", 'é', '#a', '[a'])(
    'refuses %j',
    (name) => {
      expect(refusedServiceNames([name, 'fine-1.0_x+y@z~'])).toEqual([name]);
    },
  );
});

describe('isPartitionServiceFile', () => {
  it.each([
    ['part1.conf', true],
    ['part1-socat.conf', true],
    ['part1a.conf', false],
    ['part10.conf', false],
    ['part1', false],
  ])('%s of part1: %s', (name, isOwn) => {
    expect(isPartitionServiceFile(name, 'part1')).toBe(isOwn);
  });
});
