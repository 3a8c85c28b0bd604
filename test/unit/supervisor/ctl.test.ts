import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ProcessInfo } from '../../../src/supervisor/client.ts';
import { runLine } from '../../../src/supervisor/ctl/actions.ts';
import { readCtlOptions } from '../../../src/supervisor/ctl/options.ts';
import type { CtlSession } from '../../../src/supervisor/ctl/session.ts';
import { renderStatus, selectProcesses } from '../../../src/supervisor/ctl/status-action.ts';
import {
  INITIAL_STATUS,
  type ProcessStatus,
} from '../../../src/supervisor/process/process-state.ts';
import { renderProcessInfo } from '../../../src/supervisor/rpc/process-info.ts';
import { RpcFault, type RpcValue } from '../../../src/supervisor/rpc/xml-rpc.ts';
import { processConfig } from '../../support/supervisor-config.ts';

function info(groupName: string, name: string, status: Partial<ProcessStatus>): ProcessInfo {
  const logs = { stdout: '', stderr: '' };
  const config = processConfig({ name });
  const process = { groupName, config, logs, status: { ...INITIAL_STATUS, ...status } };
  return renderProcessInfo(process, 90_061_000);
}

const RUNNING = info('slappart0', 'foo-on-watch', { state: 'RUNNING', pid: 23, lastStartMs: 1000 });
const STOPPED = info('x', 'x', { state: 'STOPPED' });

/** A session whose supervisor answers from a table. */
function session(answers: Record<string, RpcValue | RpcFault>) {
  const calls: string[] = [];
  let text = '';
  const client = {
    address: 'unix:///s',
    async call(method: string, ...params: RpcValue[]) {
      calls.push([method.replace('supervisor.', ''), ...params].join(' '));
      const answer = answers[method.replace('supervisor.', '')] ?? '3.0';
      if (answer instanceof RpcFault) throw answer;
      return answer;
    },
  };
  const made = {
    client,
    write: (more: string) => {
      text += more;
    },
    writeError: () => {},
    signal: new AbortController().signal,
    isInteractive: false,
    isTerminal: false,
    isEnded: false,
    exitStatus: 0,
    ask: async () => '',
  };
  return { session: made as unknown as CtlSession, calls, text: () => text };
}

describe('status', () => {
  it('pads names to 33 columns, or to the longest and 3 more', () => {
    expect(renderStatus([RUNNING, STOPPED])).toEqual([
      'slappart0:foo-on-watch           RUNNING   pid 23, uptime 1 day, 1:01:00',
      'x                                STOPPED   Not started',
    ]);
    const long = info('slappart0', 'x'.repeat(40), { state: 'STARTING' });
    expect(renderStatus([long])).toEqual([`slappart0:${'x'.repeat(40)}   STARTING  `]);
  });

  it('selects by process, group and neither', () => {
    const select = (...names: string[]) => selectProcesses([RUNNING, STOPPED], names);
    expect(select('slappart0:*').found).toEqual([RUNNING]);
    expect(select('slappart0').errors).toEqual(['slappart0: ERROR (no such process)']);
    expect(select('nog:', 'x')).toEqual({
      found: [STOPPED],
      errors: ['nog: ERROR (no such group)'],
    });
  });

  it('exits 0, 3 for a stopped process, 4 for an unknown name, 3 winning', async () => {
    const run = async (...names: string[]) => {
      const made = session({ getAllProcessInfo: [{ ...RUNNING }, { ...STOPPED }] });
      await runLine(made.session, ['status', ...names].join(' '));
      return made.session.exitStatus;
    };
    expect(await run('slappart0:foo-on-watch')).toBe(0);
    expect(await run('nope', 'slappart0:*')).toBe(4);
    expect(await run()).toBe(3);
    expect(await run('nope', 'x')).toBe(3);
  });

  it('prints JSON', async () => {
    const answers = { getAllProcessInfo: [{ ...RUNNING }, { ...STOPPED }] };
    const made = session({
      ...answers,
      'slapos.explainProcesses': new RpcFault(1, 'UNKNOWN_METHOD'),
      'slapos.getUsage': new RpcFault(1, 'UNKNOWN_METHOD'),
    });
    await runLine(made.session, ['status', '--format', 'json', 'slappart0:*'].join(' '));
    expect(JSON.parse(made.text())).toEqual([RUNNING]);
    expect(made.session.exitStatus).toBe(0);
  });
});

describe('start and stop', () => {
  it('turns faults into lines and exit statuses', async () => {
    const run = async (word: string, faultCode: number) => {
      const method = word === 'start' ? 'startProcess' : 'stopProcess';
      const made = session({ [method]: new RpcFault(faultCode, 'X: g:p') });
      await runLine(made.session, [word, 'g:p'].join(' '));
      return [made.text().trim(), made.session.exitStatus];
    };
    expect(await run('start', 10)).toEqual(['g:p: ERROR (no such process)', 1]);
    expect(await run('start', 20)).toEqual(['g:p: ERROR (no such file)', 1]);
    expect(await run('start', 21)).toEqual(['g:p: ERROR (file is not executable)', 1]);
    expect(await run('start', 60)).toEqual(['g:p: ERROR (already started)', 0]);
    expect(await run('start', 50)).toEqual(['g:p: ERROR (spawn error)', 7]);
    expect(await run('start', 40)).toEqual(['g:p: ERROR (abnormal termination)', 7]);
    expect(await run('stop', 70)).toEqual(['g:p: ERROR (not running)', 0]);
  });

  it('says which groups are unknown', async () => {
    const badName = new RpcFault(10, 'BAD_NAME: g');
    const made = session({ startProcessGroup: badName, stopProcessGroup: badName });
    await runLine(made.session, ['start', 'g:'].join(' '));
    expect([made.text(), made.session.exitStatus]).toEqual(['g: ERROR (no such group)\n', 2]);
    await runLine(made.session, ['stop', 'g:*'].join(' '));
    expect(made.session.exitStatus).toBe(1);
  });

  it('tells which files could not be used', async () => {
    const problem = { file: '/c/a.conf', message: '/c/a.conf: EIO: i/o error, read' };
    for (const [problems, status] of [
      [[problem], 1],
      [new RpcFault(1, 'UNKNOWN_METHOD'), 0],
    ] as const) {
      const answers = { reloadConfig: [[[], [], []]], 'slapos.getConfigProblems': problems };
      for (const word of ['reread', 'update']) {
        const made = session(answers);
        await runLine(made.session, word);
        const isTold = made.text().includes(`ERROR: ${problem.message}\n`);
        expect([isTold, made.session.exitStatus], word).toEqual([status === 1, status]);
      }
    }
  });

  it('prints an unexpected fault in the form of upstream', async () => {
    const made = session({ reloadConfig: new RpcFault(92, 'CANT_REREAD: bad') });
    await runLine(made.session, ['update'].join(' '));
    expect(made.text()).toMatch(
      /^error: <class 'xmlrpc\.client\.Fault'>, <Fault 92: 'CANT_REREAD: bad'>: file: .* line: \d+\n$/,
    );
    expect(made.session.exitStatus).toBe(1);
  });
});

describe('readCtlOptions', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'slapos-ctl-'));
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  it('reads the section of the main file; options win', () => {
    const path = join(folder, 's.conf');
    writeFileSync(path, '[supervisorctl]\nserverurl = unix://%(here)s/sv.sock\nprompt = x\n');
    expect(readCtlOptions(['-c', path, 'tail', '-f', 'a'], {}, '/')).toMatchObject({
      target: { socketPath: `${folder}/sv.sock` },
      prompt: 'x',
      words: ['tail', '-f', 'a'],
      isInteractive: false,
    });
    const given = ['--serverurl=http://[::1]:9001', `-c${path}`, '-uadmin', '-p', 'secret'];
    expect(readCtlOptions(given, {}, '/')).toMatchObject({
      target: { host: '::1', port: 9001, username: 'admin', password: 'secret' },
      isInteractive: true,
    });
  });

  it('refuses what it does not know', () => {
    expect(() => readCtlOptions(['-z'], {}, '/')).toThrow('option -z not recognized');
    expect(() => readCtlOptions(['-c'], {}, '/')).toThrow('option -c requires argument');
    expect(() => readCtlOptions(['-c', '/none/x'], {}, '/')).toThrow('could not find config file');
  });
});
