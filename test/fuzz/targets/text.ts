/** Texts of the kernel, of the system's files, of services and of the keeper. */
import { parsePressure, parseTapTraffic } from '../../../src/collect/daemon/pressure.ts';
import {
  parseDiskTypes,
  parseMounts,
  parseUeventDevice,
} from '../../../src/collect/disk-values.ts';
import {
  parseLoadAverage,
  parseMeminfo,
  parseNetworkTotals,
  parseStat,
} from '../../../src/collect/system-values.ts';
import { parseRuleList } from '../../../src/firewall/firewall-command.ts';
import { parseStoredRule, renderStoredRule } from '../../../src/firewall/rules.ts';
import { parseGroup, parseGshadow, parsePasswd, parseShadow } from '../../../src/host/account.ts';
import { parseChildNote, renderChildNote } from '../../../src/host/keeper/child-note.ts';
import { decodeKeeperEvent } from '../../../src/host/keeper/keeper-event.ts';
import {
  decodeKeeperMessage,
  encodeKeeperMessage,
} from '../../../src/host/keeper/keeper-message.ts';
import { parseOsRelease } from '../../../src/host/os-release.ts';
import { parseCpuSeconds, sumDevices } from '../../../src/host/process/cgroup-usage.ts';
import { parseCommandLine } from '../../../src/host/process/command-line.ts';
import { parseNameSources } from '../../../src/host/user/name-service.ts';
import { parseTransaction } from '../../../src/instance/transaction.ts';
import { makePrintable } from '../../../src/log/printable.ts';
import { parseBlockDevices } from '../../../src/manager/disks.ts';
import { parseCpuList } from '../../../src/model/cpu-list.ts';
import {
  parseIpv4,
  parseIpv4Cidr,
  parseIpv6,
  parseIpv6Cidr,
  parseIpv6Netmask,
  renderIpv4,
  renderIpv6,
} from '../../../src/model/ip-address.ts';
import { judgeRuns, parseLogRuns } from '../../../src/promise/promise-log.ts';
import { decodeEnd } from '../../../src/status/logs.ts';
import { parseListenerOutput } from '../../../src/supervisor/event/listener-protocol.ts';
import { parseWords, selectEnd } from '../../../src/supervisor/event/watchdog.ts';
import { decodeNotes } from '../../../src/supervisor/process/state-notes.ts';
import { ensure, ensureSame, type FuzzTarget, gives, textTarget } from '../driver/target.ts';

// biome-ignore lint/suspicious/noControlCharactersInRegex: this is what is looked for.
const OBEYED = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u202e]/;

const words = (...list: readonly string[]): string => `${list.join('\0')}\0`;

/** Read in two pieces as at once. */
function checkListener(text: string, state: 'ACKNOWLEDGED' | 'BUSY'): void {
  const whole = parseListenerOutput(state, text);
  const cut = Math.floor(text.length / 2);
  const first = parseListenerOutput(state, text.slice(0, cut));
  const second = parseListenerOutput(first.state, first.rest + text.slice(cut));
  const kinds = (signals: typeof whole.signals) => signals.map(({ kind }) => kind);
  ensureSame(kinds([...first.signals, ...second.signals]), kinds(whole.signals), 'in two pieces');
}

export const targets: readonly FuzzTarget[] = [
  textTarget({
    name: 'account-files',
    shape: 'lines',
    seeds: [
      'root:x:0:0:root:/root:/bin/bash\nslapuser0:x:1000:1000::/srv:/bin/false\n+nis\n',
      'adm:x:4:syslog,slap\n',
      'root:*:19000:0:99999:7:::\nadm:!:root:a,b\n',
    ],
    run(text) {
      for (const { gid, name, uid } of parsePasswd(text)) {
        ensure(!/^[+-]/.test(name) && name !== '' && uid >= 0 && gid >= 0, name);
      }
      for (const { members, name } of parseGroup(text)) {
        ensure(name !== '' && members.every((each) => each !== ''), name);
      }
      parseShadow(text);
      parseGshadow(text);
    },
  }),
  textTarget({
    name: 'proc-texts',
    shape: 'lines',
    seeds: [
      'cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 2 3 4 5 6 7 8 9 10\nbtime 1700000000\n',
      'MemTotal: 16 kB\nMemFree: 8 kB\nCached: 1 kB\nActive(file): 1 kB\nInactive(file): 1 kB\nSReclaimable: 1 kB\n',
      'a\nb\n  lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n',
      'some avg10=0.00 avg60=0.00 avg300=0.00 total=12345\n0.1 0.2 0.3 1/2 3\n',
      'nodev\tsysfs\n\text4\n/dev/sda1 /a\\040b ext4 rw 0 0\nDEVNAME=sda1\n',
      'usage_usec 12\n8:0 rbytes=1 wbytes=2\n  low 12\n0::/a\n',
    ],
    run(text) {
      gives(() => parseStat(text), [Error]);
      const { availableBytes, totalBytes } = parseMeminfo(text, text, 4096);
      ensure(availableBytes >= 0 && totalBytes >= 0, 'memory');
      parseNetworkTotals(text);
      parseLoadAverage(text);
      ensure(
        parsePressure('cpu', text).every(({ stalledS }) => stalledS >= 0),
        'pressure',
      );
      parseTapTraffic(text);
      parseDiskTypes(text);
      for (const { device } of parseMounts(text)) ensure(typeof device === 'string', 'a device');
      parseUeventDevice(text);
      ensure(parseCpuSeconds(text) >= 0 && sumDevices(text, 'rbytes') >= 0, 'usage');
    },
  }),
  textTarget({
    name: 'system-files',
    shape: 'lines',
    seeds: [
      'NAME="Debian GNU/Linux"\nID=debian\nVERSION_ID=\'12\'\nX="a\\"b"\n',
      'passwd: files systemd # x\ngroup: files [SUCCESS=merge] sss\n',
      '0-3,5,7-9\n',
      '6e9b7ab4-0d3b-4a8c-9b32-b5d7a8a3cb52 12 34\n',
      '{"blockdevices": [{"name": "sda", "path": "/dev/sda", "type": "disk", "children": [{"path": "/dev/sda1", "type": "part"}]}]}',
    ],
    run(text) {
      parseOsRelease(text);
      parseNameSources(text, 'passwd');
      ensure(
        parseCpuList(text.slice(0, 64)).every((cpu) => cpu >= 0),
        'a CPU',
      );
      const note = parseChildNote(text);
      if (note !== undefined) ensureSame(parseChildNote(renderChildNote(note)), note, 'read again');
      gives(() => parseBlockDevices(text), [SyntaxError]);
      parseCommandLine(text);
      parseTransaction(text);
      parseWords(text);
      selectEnd('PROCESS_STATE_EXITED', text);
    },
  }),
  textTarget({
    name: 'promise-log',
    shape: 'lines',
    seeds: [
      '2026-11-20 23:32:12,123 - INFO - 202611202332-1a - fine\n2026-11-20 23:33:12,123 - ERROR - 202611202333-1b - bad\nmore\n',
    ],
    run(text) {
      const runs = parseLogRuns(text);
      judgeRuns(runs, 3, 2);
      ensure(
        runs.every((run) => run.length > 0),
        'a run of nothing',
      );
    },
  }),
  textTarget({
    name: 'firewall-rules',
    shape: 'lines',
    seeds: [
      '--permanent --direct --add-rule ipv4 filter INPUT 0 -s 10.0.0.0/8 -d 10.0.0.1 -j ACCEPT',
      'ipv4 filter INPUT 0 -d 10.0.0.1 -j REJECT\nipv6 filter FORWARD -1 -j ACCEPT\n',
    ],
    run(text) {
      const rule = parseStoredRule(text);
      if (rule !== undefined) ensureSame(renderStoredRule(rule), text, 'rendered');
      parseRuleList(text);
    },
  }),
  textTarget({
    name: 'listener-output',
    shape: 'lines',
    seeds: ['READY\nRESULT 2\nOKREADY\n', 'RESULT 4\nFAILREADY\n'],
    run(text) {
      const latin = Buffer.from(text).toString('latin1');
      checkListener(latin, 'ACKNOWLEDGED');
      checkListener(latin, 'BUSY');
    },
  }),
  {
    name: 'keeper-events',
    shape: 'bytes',
    seeds: [
      words(
        'welcome',
        'keeper=1',
        'boot=x',
        'starts=2',
        'ready=1',
        'word=a',
        'word=b',
        'files=1:2',
      ),
      words('child', 'name=a:b', 'pid=3', 'start=4', 'time=5', 'pidfd=0', 'keep=1:stdout'),
      words('exit', 'serial=1', 'name=a', 'status=0', 'signal=9', 'core=1', 'lost=1'),
      words('spawned', 'id=1', 'step=exec', 'errno=2', 'code=ENOENT', 'text=x'),
      words('refused', 'id=1', 'name=a'),
      words('signalled', 'id=1', 'result=gone'),
      words('stored', 'key=a', 'value=b'),
      ...['synced\0', 'forward\0signal=15\0', 'reaped\0pid=1\0', 'upgrading\0id=1\0code=x\0'],
    ],
    run(input) {
      const message = decodeKeeperMessage(input);
      const again = decodeKeeperMessage(encodeKeeperMessage(message));
      ensureSame(again, message, 'read again');
      const event = decodeKeeperEvent(message, [10, 11]);
      ensure(event === undefined || typeof event.kind === 'string', 'an event of no kind');
    },
  },
  textTarget({
    name: 'controller-notes',
    shape: 'lines',
    seeds: [
      'group:g={"priority": 1, "names": ["a"], "listener": {"events": ["TICK_5"]}}\nconfig:g:a={"config": {"name": "a"}, "logs": {}}\nstatus:g:a={"state": 20}\nlistener:g:a=BUSY 4\nserial:g=5 4\nevent:g:4={"serial": 5, "name": "TICK_5", "payload": "x"}',
    ],
    words: ['group:g={}', 'group:g={"names": []}', 'names', 'priority', 'listener', 'null'],
    run(text) {
      const notes = new Map(
        text.split('\n').map((line): [string, string] => {
          const equals = line.indexOf('=');
          return [line.slice(0, equals), line.slice(equals + 1)];
        }),
      );
      for (const group of decodeNotes(notes)) ensure(Array.isArray(group.processes), group.name);
    },
  }),
  textTarget({
    name: 'addresses',
    shape: 'lines',
    seeds: ['10.0.0.1', '2001:db8::1', '::ffff:10.0.0.1', 'fd00::/8', 'ffff:ffff::', '10.0.0.0/8'],
    run(text) {
      const ipv4 = parseIpv4(text);
      if (ipv4 !== null) ensureSame(parseIpv4(renderIpv4(ipv4)), ipv4, 'read again');
      const ipv6 = parseIpv6(text);
      if (ipv6 !== null) ensureSame(parseIpv6(renderIpv6(ipv6)), ipv6, 'read again');
      const length = parseIpv6Netmask(text);
      ensure(length === null || (length >= 0 && length <= 128), 'a length');
      const network = parseIpv6Cidr(text);
      ensure(network === null || network.prefixLength <= 128, 'a prefix');
      parseIpv4Cidr(text);
    },
  }),
  {
    name: 'log-ends',
    shape: 'bytes',
    seeds: [Buffer.from('é\nabc\x1b[2J\u2028\n'), Buffer.from([0xa9, 0x62, 0xc3])],
    run(input) {
      const bytes = Buffer.from(input);
      for (const isWhole of [true, false]) {
        const shown = makePrintable(decodeEnd(bytes, isWhole));
        ensure(!OBEYED.test(shown), 'what a terminal would obey');
      }
    },
  },
];
