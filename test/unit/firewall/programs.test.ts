import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readFirewallSettings } from '../../../src/config/firewall-settings.ts';
import { parseConfig } from '../../../src/config/read.ts';
import { writeFirewallPrograms } from '../../../src/firewall/programs.ts';
import { openOwnedFolder } from '../../../src/host/folder/owned-folder.ts';
import type { FileStatus } from '../../../src/host/host.ts';

const read = (text: string) => readFirewallSettings(parseConfig(`[slapos]\n${text}`, 'slapos.cfg'));

it('has upstream defaults, and is off without its section', () => {
  expect(read('')).toBeUndefined();
  expect(read('[firewall]\n')).toEqual({
    command: ['firewall-cmd'],
    reloadCommand: ['slapos', 'node', 'restart', 'firewall'],
    authorizedSources: [],
    programs: [],
  });
});

it('splits commands as a shell does and lists sources by line', () => {
  const settings = read(
    '[firewall]\nfirewall_cmd = /opt/fw/bin/python "/opt/a b" ; id\nauthorized_sources =\n  10.0.0.1\n  10.0.0.0/8\n',
  );
  expect(settings?.command).toEqual(['/opt/fw/bin/python', '/opt/a b', ';', 'id']);
  expect(settings?.authorizedSources).toEqual(['10.0.0.1', '10.0.0.0/8']);
});

it.each([
  ['firewall_cmd =', /'' is no command: it is empty/],
  ['reload_config_cmd = "x', /no closing quotation/],
  ['firewall_executable = a\n  b', /firewall_executable has several lines/],
])('refuses %j', (line, message) => {
  expect(() => read(`[firewall]\n${line}\n`)).toThrow(message);
});

it('writes the programs that are asked for, and removes the others', async () => {
  const root = mkdtempSync(join(tmpdir(), 'programs-'));
  const folder = join(root, 'etc', 'supervisord.conf.d');
  mkdirSync(folder, { recursive: true });
  let home: { readonly kind: 'directory' } | undefined = { kind: 'directory' };
  const host = { openFolder: openOwnedFolder, stat: async () => home as FileStatus | undefined };
  const write = (text: string) => writeFirewallPrograms(host, root, read(text));
  const both =
    '[firewall]\nfirewall_executable = /opt/fw --x=%%1\ndbus_executable = /opt/bus\ndbus_log_file = /l\n';
  expect(await write(both)).toBe(true);
  expect(await write(both)).toBe(false);
  const text = readFileSync(join(folder, 'firewall.conf'), 'utf8');
  expect(text).toContain(
    '[program:firewall]\ndirectory=/opt/slapos\ncommand=/opt/fw --x=%%1\nprocess_name=firewall\npriority=5\nautostart=true\nautorestart=true\nstartsecs=0\nstartretries=0\nexitcodes=0\nstopsignal=TERM\nstopwaitsecs=60\nuser=0\ngroup=0\nserverurl=AUTO\nredirect_stderr=true\nstdout_logfile=/var/log/firewall.log\nstdout_logfile_maxbytes=100KB\nstdout_logfile_backups=1\n',
  );
  const bus = readFileSync(join(folder, 'dbus.conf'), 'utf8');
  expect(bus).toContain('priority=1\n');
  expect(bus).toContain('stderr_logfile=/l\n');
  home = undefined;
  expect(await write(both)).toBe(true);
  expect(readFileSync(join(folder, 'dbus.conf'), 'utf8')).toContain('directory=/\n');
  expect(await write(`${both}testing = yes\n`)).toBe(true);
  expect(readdirSync(folder)).toEqual([]);
  expect(await write('')).toBe(false);
  rmSync(root, { recursive: true });
});
