import { describe, expect, it } from 'vitest';
import {
  EventReader,
  mustBang,
  runWatchdog,
  selectEnd,
  type WatchdogPorts,
} from '../../../src/supervisor/watchdog.ts';

const PAYLOAD = 'processname:a-on-watch groupname:slappart0 from_state:RUNNING expected:1 pid:77';

function frame(name: string, payload: string): string {
  return `ver:3.0 server:s serial:1 pool:watchdog poolserial:1 eventname:${name} len:${[...payload].length}\n${payload}`;
}

function setUp(content: Record<string, string> = {}) {
  const banged: string[] = [];
  const logged: string[] = [];
  const files = new Map(Object.entries(content));
  const ports: WatchdogPorts = {
    files: {
      read: async (root, path) => {
        const text = files.get(`${root}/${path}`);
        return text === undefined ? undefined : Buffer.from(text);
      },
      write: async (root, path, data) => void files.set(`${root}/${path}`, String(data)),
    },
    bang: async (id, message) => {
      if (message.includes('refused')) throw new Error('no');
      banged.push(`${id}: ${message}`);
    },
    log: (text) => void logged.push(text),
  };
  return { banged, logged, files, ports };
}

async function run(ports: WatchdogPorts, chunks: readonly string[]): Promise<string> {
  let output = '';
  async function* input() {
    for (const chunk of chunks) yield Buffer.from(chunk);
  }
  const settings = {
    masterUrl: 'http://m',
    computerId: 'C',
    certificateRepositoryPath: undefined,
    instanceRoot: '/srv',
  };
  await runWatchdog(settings, ports, {
    input: input(),
    write: (text) => {
      output += text;
    },
  });
  return output;
}

describe('watchdog', () => {
  it('picks ends of watched services', () => {
    expect(selectEnd('PROCESS_STATE_EXITED', PAYLOAD)).toEqual({
      processName: 'a-on-watch',
      groupName: 'slappart0',
    });
    expect(selectEnd('PROCESS_STATE_STOPPED', PAYLOAD)).toBeUndefined();
    expect(selectEnd('PROCESS_STATE_FATAL', 'processname:a groupname:g')).toBeUndefined();
    expect(selectEnd('PROCESS_STATE_FATAL', 'processname:a-on-watch groupname:..')).toBeUndefined();
  });

  it('bangs once for each processing of the partition', () => {
    expect(mustBang(undefined, undefined)).toBe(true);
    expect(mustBang(undefined, '5')).toBe(false);
    expect(mustBang('5', '5')).toBe(false);
    expect(mustBang('5.5', '5')).toBe(true);
  });

  it('speaks the listener protocol, bangs and remembers', async () => {
    const { ports, banged, files } = setUp({ '/srv/slappart0/.timestamp': '7\n' });
    const text = frame('PROCESS_STATE_EXITED', PAYLOAD);
    const output = await run(ports, [text.slice(0, 50), text.slice(50), text]);
    expect(output).toBe('READY\nRESULT 2\nOKREADY\nRESULT 2\nOKREADY\n');
    expect(banged).toEqual([
      'slappart0: a-on-watch process in partition slappart0 encountered a problem',
    ]);
    expect(files.get('/srv/slappart0/.slapos_latest_bang_timestamp')).toBe('7');
  });

  it('goes on when the Master refuses, and remembers nothing', async () => {
    const { ports, logged, files } = setUp();
    const payload = 'processname:refused-on-watch groupname:p';
    await run(ports, [frame('PROCESS_STATE_FATAL', payload)]);
    expect(logged).toEqual(['p: not told to the Master: no']);
    expect(files.size).toBe(0);
  });

  it('counts characters, not bytes', () => {
    const reader = new EventReader();
    const bytes = Buffer.from(frame('A', 'é:ü') + frame('B', 'x:y'));
    const events = [...bytes].flatMap((byte) => reader.push(Buffer.from([byte])));
    expect(events).toEqual([
      { name: 'A', payload: 'é:ü' },
      { name: 'B', payload: 'x:y' },
    ]);
  });
});
