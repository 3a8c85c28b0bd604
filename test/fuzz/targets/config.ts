/** Configuration files: ours, of computers, of the supervisor; command lines of services. */
import { parseByteSize } from '../../../src/config/byte-size.ts';
import { parseConfig } from '../../../src/config/read.ts';
import { parseBoolean, parseInteger, splitLines, splitNames } from '../../../src/config/values.ts';
import { parseDefinition } from '../../../src/format/definition.ts';
import { splitShellWords } from '../../../src/model/shell-words.ts';
import { ConfigurationReader } from '../../../src/supervisor/configuration/configuration.ts';
import { parseEnvironment } from '../../../src/supervisor/configuration/environment.ts';
import { IniSyntaxError, parseIni } from '../../../src/supervisor/configuration/ini.ts';
import { ConfigurationError } from '../../../src/supervisor/configuration/program-config.ts';
import { ValueError } from '../../../src/supervisor/configuration/value-types.ts';
import { decodeOrRefuse, ensure, type FuzzTarget, gives, textTarget } from '../driver/target.ts';

const CFG = `[slapos]
software_root = /opt/slapgrid
master_url = https://slap.vifib.com/
# comment
computer_id = COMP-%(number)s
number = 1
[slapformat]
partition_amount: 10
long = a
  b

  ; c
  d%%
[DEFAULT]
x = y
`;
const DEFINITION = `[computer]
address = 10.0.0.1/255.255.255.0
software_user = slapsoft
[partition_0]
pathname = slappart0
user = slapuser0
address = 10.0.0.2/255.255.255.0 fd00::2/64
network_interface = slaptap0
ipv6_range = fd00:1::/80
capability_list =
  port-443
`;
const SUPERVISORD = `[supervisord]
pidfile = /r/pid ; here
environment = SITE="paris",A=%(here)s
minfds = 1024
logfile_maxbytes=50MB
[unix_http_server]
file=/r/sv.sock
chmod=0700
username = u
password = {SHA}82ab876d1387bfafe46cc1c8a2ef074eae50cb1d
[inet_http_server]
port = 127.0.0.1:9001
[group:slappart0]
programs=a,b
[program:a]
command=/bin/a "b c" %(ENV_LANG)s
process_name=%(program_name)s-%(process_num)02d
numprocs=2
autorestart=unexpected
exitcodes=0,2
stopsignal=TERM
user=bob
stdout_logfile=AUTO
stdout_logfile_maxbytes=1KB
[program:b]
command=/bin/b
[eventlistener:l]
command=/bin/l
events=PROCESS_STATE,TICK_5
buffer_size=5
[fcgi-program:f]
command=/bin/f
socket=unix:///tmp/f.sock
socket_owner=bob
`;

/** Files of one folder in memory. */
function readSupervisor(text: string) {
  const path = '/r/supervisord.conf';
  return new ConfigurationReader(path, {
    files: {
      version: (asked) => (asked === path ? '1' : undefined),
      read: () => text,
      list: (folder) => (folder === '/r' ? ['supervisord.conf', 'a.conf'] : []),
      isDirectory: (asked) => !asked.includes('missing'),
    },
    env: { LANG: 'C' },
    hostName: 'node1',
    cwd: '/',
    temporaryFolder: '/tmp',
    users: {
      findUid: (user) => (user === 'bob' ? 7 : undefined),
      findOwner: (owner) => (owner === 'bob' ? { uid: 7, gid: 8 } : undefined),
      version: () => '1',
    },
  }).read();
}

export const targets: readonly FuzzTarget[] = [
  textTarget({
    name: 'slapos-cfg',
    shape: 'lines',
    seeds: [CFG, DEFINITION],
    run(text) {
      const config = decodeOrRefuse(
        () => parseConfig(text, '/etc/slapos.cfg'),
        ['SLAPOS_ERR_CONFIG_SYNTAX'],
      );
      for (const section of config?.sections() ?? []) {
        for (const key of config?.ownKeys(section) ?? []) {
          const value = decodeOrRefuse(
            () => config?.get(section, key),
            ['SLAPOS_ERR_CONFIG_INTERPOLATION'],
          );
          if (value === undefined) continue;
          for (const parse of [parseBoolean, parseInteger, parseByteSize, splitLines, splitNames])
            parse(value);
        }
      }
    },
  }),
  textTarget({
    name: 'computer-definition',
    shape: 'lines',
    seeds: [DEFINITION],
    run(text) {
      decodeOrRefuse(() => {
        const config = parseConfig(text, '/etc/definition.cfg');
        const sections = new Map(config.sections().map((name) => [name, config.items(name)]));
        return parseDefinition(sections, 1, '/etc/definition.cfg');
      });
    },
  }),
  textTarget({
    name: 'supervisord-conf',
    shape: 'lines',
    seeds: [SUPERVISORD],
    run(text) {
      gives(() => parseIni('/r/supervisord.conf', text), [IniSyntaxError]);
      const configuration = gives(() => readSupervisor(text), [ConfigurationError]);
      for (const group of configuration?.groups ?? []) {
        for (const { command, exitCodes, stopSignal } of group.processes) {
          ensure(
            command !== '' && stopSignal > 0 && exitCodes.every(Number.isInteger),
            'a process',
          );
        }
      }
    },
  }),
  textTarget({
    name: 'command-lines',
    shape: 'lines',
    seeds: [`/bin/sh -c "a 'b' \\"c\\"" d\\ e ''`, `A="b,c",D='e',F=g`],
    run(text) {
      gives(() => splitShellWords(text), [SyntaxError]);
      gives(() => parseEnvironment(text), [ValueError]);
    },
  }),
];
