import { describe, expect, it } from 'vitest';
import { childEnvironment } from '../../../src/grid/child-environment.ts';

describe('childEnvironment', () => {
  it('drops what would change Python, languages and temporary folders; keeps the rest', () => {
    const env = {
      PATH: '/bin',
      USER: 'root',
      LC_ALL: 'C',
      http_proxy: 'p',
      PYTHONPATH: '/x',
      TMPDIR: '/root/tmp',
      LANG: 'fr_FR',
      LC_TIME: 'fr_FR',
      LOGNAME: 'root',
      HOME: '/root',
      UNSET: undefined,
    };
    expect(childEnvironment(env, { home: '/srv/p0' })).toEqual({
      PATH: '/bin',
      USER: 'root',
      LC_ALL: 'C',
      http_proxy: 'p',
      HOME: '/srv/p0',
      PYTHONNOUSERSITE: 'true',
    });
  });

  it('names the instance root while partitions are processed', () => {
    const env = childEnvironment({}, { home: '/h', instanceRoot: '/srv/slapgrid' });
    expect(env['SLAPGRID_INSTANCE_ROOT']).toBe('/srv/slapgrid');
  });
});
