import { describe, expect, it } from 'vitest';
import {
  BOOTSTRAP_CODE,
  findBootstrap,
  type PythonProbe,
  pythonCandidates,
} from '../../../src/software/buildout-python.ts';

const SEARCH = {
  buildoutPython: undefined,
  buildoutScript: undefined,
  packageRoot: '/pkg',
  searchPath: 'relative:/usr/bin:/opt/bin:',
};

/** A machine on which the given Pythons exist; a reason tells why one cannot be used. */
function machine(pythons: Readonly<Record<string, string>>): PythonProbe {
  return {
    exists: async (path) => path in pythons,
    tryPython: async ([python = '']) => ({
      isUsable: pythons[python] === '',
      why: pythons[python] ?? '',
    }),
    readShebang: async () => ['/p/python', '-s'],
  };
}

describe('pythonCandidates', () => {
  it('looks in the package, then along PATH without relative folders', () => {
    expect(pythonCandidates(SEARCH).map((candidate) => candidate.python)).toEqual([
      '/pkg/.venv/buildout/bin/python',
      '/usr/bin/python3',
      '/opt/bin/python3',
      '/usr/local/bin/python3',
      '/bin/python3',
    ]);
  });
});

describe('findBootstrap', () => {
  it('takes the configured Python only', async () => {
    const search = { ...SEARCH, buildoutPython: '/own', buildoutScript: '/script' };
    const found = await findBootstrap(search, machine({ '/own': '' }));
    expect(found.argv).toEqual(['/own', '-c', BOOTSTRAP_CODE]);
    const machineWithout = machine({ '/usr/bin/python3': '' });
    await expect(findBootstrap(search, machineWithout)).rejects.toMatchObject({
      code: 'SLAPOS_ERR_BUILDOUT_MISSING',
      message: expect.stringContaining('/own (buildout_python): does not exist'),
    });
  });

  it('runs the script of key buildout by its own shebang', async () => {
    const search = { ...SEARCH, buildoutScript: '/script' };
    const found = await findBootstrap(search, machine({}));
    expect(found.argv).toEqual(['/p/python', '-s', '/script']);
  });

  it('prefers what setup prepared, else the first python3 that can import it', async () => {
    const bundled = '/pkg/.venv/buildout/bin/python';
    const both = machine({ [bundled]: '', '/usr/bin/python3': '' });
    expect((await findBootstrap(SEARCH, both)).argv[0]).toBe(bundled);
    const broken = machine({
      [bundled]: 'EACCES',
      '/usr/bin/python3': 'no zc',
      '/opt/bin/python3': '',
    });
    expect((await findBootstrap(SEARCH, broken)).argv[0]).toBe('/opt/bin/python3');
  });

  it('says what was tried and why it did not do', async () => {
    const search = findBootstrap(SEARCH, machine({ '/usr/bin/python3': 'No module named zc' }));
    await expect(search).rejects.toMatchObject({
      code: 'SLAPOS_ERR_BUILDOUT_MISSING',
      message: expect.stringContaining('/usr/bin/python3 (PATH): No module named zc'),
      hint: expect.stringContaining('npm run setup'),
    });
  });
});
