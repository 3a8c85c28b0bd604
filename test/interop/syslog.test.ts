/** The system log as a receiver of datagrams sees it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeSyslog } from '../../src/host/log/syslog.ts';
import { loadNative } from '../../src/host/native.ts';
import { findPeerPython } from '../support/peer-python.ts';

const RECEIVER = `
import json, socket, sys
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind(sys.argv[1])
# One call for each, where print may take two.
sys.stdout.write('ready\\n')
sys.stdout.flush()
sys.stdout.write(json.dumps([receiver.recv(65536).decode() for _ in range(2)]))
sys.stdout.flush()
`;

const peer = findPeerPython('socket');

describe.skipIf('reason' in peer)(
  `writeSyslog${'reason' in peer ? ` [skipped: ${peer.reason}]` : ''}`,
  () => {
    it('sends one message per line', async () => {
      const path = join(mkdtempSync(join(tmpdir(), 'syslog-')), 'log');
      const python = 'python' in peer ? peer.python : '';
      const child = spawn(python, ['-c', RECEIVER, path]);
      await once(child.stdout, 'data');
      const answer = once(child.stdout, 'data');
      writeSyslog('supervisord', ['web one', 'web two\0'], loadNative(), path);
      const [data] = (await answer) as [Buffer];
      expect(JSON.parse(data.toString())).toEqual([
        expect.stringMatching(/^<14>\w{3} [ \d]\d \d\d:\d\d:\d\d supervisord: web one$/),
        expect.stringMatching(/ supervisord: web two $/),
      ]);
    });

    it('loses lines where nobody listens', () => {
      expect(() => writeSyslog('x', ['line'], loadNative(), '/nowhere/log')).not.toThrow();
    });
  },
);
