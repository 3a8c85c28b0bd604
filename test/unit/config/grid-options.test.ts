import { describe, expect, it } from 'vitest';
import {
  listGridFiles,
  missingGridFile,
  readGridOptions,
} from '../../../src/config/grid-options.ts';
import { parseConfig as parse } from '../../../src/config/read.ts';

const parseConfig = (text: string) => parse(text, 'slapos.cfg');

const MINIMAL = `[slapos]
computer_id = COMP-1
master_url = https://slap.example/
software_root = /opt/slapgrid
instance_root = /srv/slapgrid
`;

describe('readGridOptions', () => {
  it('has the documented defaults', () => {
    const options = readGridOptions(parseConfig(MINIMAL), {});
    expect(options).toMatchObject({
      computerId: 'COMP-1',
      maximumPeriodicitySeconds: 86_400,
      partitionTimeoutSeconds: undefined,
      promiseTimeoutSeconds: 20,
      softwareMinFreeBytes: 1_048_576_000,
      isSupervisorLaunchForbidden: false,
      isForced: false,
      only: [],
      jobs: undefined,
    });
    expect(options.pidfile('software')).toBe('/opt/slapos/slapgrid-sr.pid');
    expect(options.pidfile('instance')).toBe('/opt/slapos/slapgrid-cp.pid');
    expect(options.pidfile('report')).toBe('/opt/slapos/slapgrid-ur.pid');
  });

  it('lets the command line win over networkcache, and that over slapos', () => {
    const config = parseConfig(
      `${MINIMAL}promise_timeout = 7\nupload-cache-url = a\n[networkcache]\nupload-cache-url = b\n`,
    );
    const file = readGridOptions(config, {});
    expect(file.promiseTimeoutSeconds).toBe(7);
    expect(file.networkcache.get('upload-cache-url')).toBe('b');
    const cli = readGridOptions(config, { promise_timeout: 3, master_url: 'http://other/' });
    expect(cli.promiseTimeoutSeconds).toBe(3);
    expect(cli.masterUrl).toBe('http://other/');
  });

  it('takes flags from the command line only', () => {
    const config = parseConfig(`${MINIMAL}force = true\n`);
    expect(readGridOptions(config, {}).isForced).toBe(false);
    expect(readGridOptions(config, { force: true }).isForced).toBe(true);
  });

  it('trims lists of partitions', () => {
    const options = readGridOptions(parseConfig(MINIMAL), { only_cp: 'slappart0, slappart1,' });
    expect(options.only).toEqual(['slappart0', 'slappart1']);
  });

  it('prefers the pid file of the command, also over --pidfile', () => {
    const config = parseConfig(`${MINIMAL}pidfile_software = /a\npidfile = /b\n`);
    expect(readGridOptions(config, { pidfile: '/c' }).pidfile('software')).toBe('/a');
    expect(readGridOptions(config, { pidfile: '/c' }).pidfile('instance')).toBe('/c');
    expect(readGridOptions(config, {}).pidfile('report')).toBe('/b');
  });

  it('accepts both spellings of the partition timeout', () => {
    const config = parseConfig(`${MINIMAL}partition-timeout = 60\n`);
    expect(readGridOptions(config, {}).partitionTimeoutSeconds).toBe(60);
  });

  it('orders what buildout gets of the network cache and drops empty values', () => {
    const config = parseConfig(
      `${MINIMAL}[networkcache]\nupload-dir-url = d\nupload-cache-url =\nsignature_private_key_file = /k\n`,
    );
    expect([...readGridOptions(config, {}).networkcache]).toEqual([
      ['signature-private-key-file', '/k'],
      ['upload-dir-url', 'd'],
    ]);
  });
});

describe('readGridOptions refuses', () => {
  it.each([
    [
      '[slapos]\nmaster_url = x\n',
      'Missing mandatory parameters: computer_id, instance_root, software_root',
    ],
    [
      `${MINIMAL}key_file = /k\n`,
      'Missing mandatory parameters: cert_file, certificate_repository_path',
    ],
    [MINIMAL.replace('COMP-1', ''), 'Mandatory parameters present but empty: computer_id'],
  ])('missing keys of %j', (text, message) => {
    expect(() => readGridOptions(parseConfig(text), {})).toThrow(
      expect.objectContaining({ message, code: 'SLAPOS_ERR_CONFIG_KEY_MISSING', exitCode: 1 }),
    );
  });

  it.each([
    ['forbid_supervisord_automatic_launch = maybe', 'maybe is neither True nor False.'],
    ['maximum_periodicity = x', "'x' is not a whole number."],
    ['software_min_free_space = lots', "'lots' is not a size."],
    ['jobs = 0', "'0' is not a number of jobs."],
  ])('%s', (line, message) => {
    expect(() => readGridOptions(parseConfig(`${MINIMAL}${line}\n`), {})).toThrow(
      expect.objectContaining({
        message: `slapos.cfg:6: ${line.split(' ')[0]}: ${message}`,
        code: 'SLAPOS_ERR_CONFIG_VALUE',
      }),
    );
  });
});

describe('listGridFiles', () => {
  it('lists what is set, in the order of the checks', () => {
    const config = parseConfig(
      `${MINIMAL}cert_file = /c\nkey_file = /k\ncertificate_repository_path = /r\n[networkcache]\nshadir-ca-file = /s\n`,
    );
    expect(listGridFiles(config, {})).toEqual([
      { path: '/k', kind: 'file' },
      { path: '/c', kind: 'file' },
      { path: '/s', kind: 'file' },
      { path: '/r', kind: 'directory' },
    ]);
  });

  it('has upstream’s words for what is missing', () => {
    expect(missingGridFile('/k', 'file').message).toBe("File '/k' does not exist.");
    expect(missingGridFile('/r', 'directory').message).toBe("Directory '/r' does not exist");
  });
});
