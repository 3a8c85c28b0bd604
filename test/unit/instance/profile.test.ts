import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { renderInstanceProfile } from '../../../src/instance/profile.ts';

const FACTS = {
  computerId: 'COMP-1',
  partitionId: 'slappart0',
  masterUrl: 'https://slap.example/',
  softwareReleaseUrl: 'https://host/software.cfg',
  keyFile: '/etc/opt/slapos/ssl/partition_pki/slappart0.key',
  certFile: '/etc/opt/slapos/ssl/partition_pki/slappart0.crt',
  sharedPartList: '\n/opt/slapgrid/shared',
  buildTimePartList: '',
  requestedState: 'started',
  storageHome: '',
  ipv4GlobalNetwork: '',
};

describe('renderInstanceProfile', () => {
  it('is the template, two newlines and the tail of the specification', () => {
    const expected = readFileSync(
      join(import.meta.dirname, '..', '..', 'fixtures', 'instance', 'buildout.cfg'),
      'utf8',
    );
    expect(renderInstanceProfile('[buildout]\nparts = x', FACTS)).toBe(expected);
  });

  it('puts one shared part on a line', () => {
    const text = renderInstanceProfile('', { ...FACTS, sharedPartList: ' /a \n\n/b' });
    expect(text).toContain('shared-part-list =\n  /a\n  /b\nbuild-time-part-list =\n  \n');
  });
});
