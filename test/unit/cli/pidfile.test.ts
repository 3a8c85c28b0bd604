import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { parsePid, takePidfile, withPidfile } from '../../../src/cli/pidfile.ts';
import { createLogger, createSink } from '../../../src/log/create-logger.ts';

const folder = mkdtempSync(join(tmpdir(), 'slapos-pid-'));
const path = join(folder, 'run.pid');
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => rmSync(path, { force: true }));

const free = { lockTry: () => true };
const held = { lockTry: () => false };

function recorder() {
  const lines: string[] = [];
  const sink = createSink(
    'DEBUG',
    (record) => `${record.level} ${record.message}`,
    (line) => lines.push(line),
  );
  return { lines, log: createLogger({ name: 'x', pid: 1, sinks: [sink], now: () => new Date() }) };
}

const BUSY = expect.objectContaining({ code: 'SLAPOS_ERR_BUSY', exitCode: 10 });

/** A process whose command line holds these words. */
async function startProcess(...words: string[]) {
  const child = spawn(process.execPath, [
    '-e',
    'console.log(1);setInterval(() => {}, 1e6)',
    ...words,
  ]);
  await new Promise((resolve) => child.stdout.once('data', resolve));
  const { pid } = child;
  if (pid === undefined) throw new Error('no child');
  const end = () => {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    return gone;
  };
  return { pid, end };
}

test('the pid is on the first line', () => {
  expect(parsePid('12')).toBe(12);
  expect(parsePid(' 12 \nrest')).toBe(12);
  for (const text of ['', 'junk', '-1', '1.5', '\n12']) expect(parsePid(text)).toBeUndefined();
});

describe('taking it', () => {
  test('writes our pid, without a newline, and removes it at the end', () => {
    const { lines, log } = recorder();
    const pidfile = takePidfile(path, log, free);
    expect(readFileSync(path, 'utf8')).toBe(String(process.pid));
    pidfile.release();
    pidfile.release();
    expect(existsSync(path)).toBe(false);
    expect(lines).toEqual([]);
  });

  test.each(['junk', '999999999', '12345678\nmore', String(process.pid)])(
    'over a stale %j',
    (text) => {
      writeFileSync(path, text);
      const { lines, log } = recorder();
      takePidfile(path, log, free).release();
      expect(lines).toEqual([
        `INFO The pid file ${path} was stale: nothing runs as ${JSON.stringify(text)}.`,
      ]);
      expect(existsSync(path)).toBe(false);
    },
  );

  test('over the pid of a process that is not slapos', async () => {
    const child = await startProcess('other');
    writeFileSync(path, String(child.pid));
    const { lines, log } = recorder();
    takePidfile(path, log, free).release();
    expect(lines[0]).toContain('was stale');
    await child.end();
  });

  test('is refused while a process with slapos in its command line has it', async () => {
    const child = await startProcess('/opt/slapos/bin/slapos', 'node', 'software');
    writeFileSync(path, String(child.pid));
    const { log } = recorder();
    expect(() => takePidfile(path, log, free)).toThrow(BUSY);
    expect(() => takePidfile(path, log, free)).toThrow(`process ${child.pid}`);
    expect(readFileSync(path, 'utf8')).toBe(String(child.pid));
    await child.end();
    takePidfile(path, log, free).release();
  });

  test('is for us alone to open: who may read it may lock it', () => {
    const umask = process.umask(0);
    try {
      const pidfile = takePidfile(path, recorder().log, free);
      expect(statSync(path).mode & 0o777).toBe(0o600);
      pidfile.release();
    } finally {
      process.umask(umask);
    }
  });

  test('is refused while another one has the lock, whatever the file says', () => {
    writeFileSync(path, '77');
    expect(() => takePidfile(path, recorder().log, held)).toThrow(BUSY);
    expect(readFileSync(path, 'utf8')).toBe('77');
  });

  test('starts again when the holder removed the file in between', () => {
    let isFirst = true;
    const racing = {
      lockTry: () => {
        if (isFirst) rmSync(path);
        isFirst = false;
        return true;
      },
    };
    const pidfile = takePidfile(path, recorder().log, racing);
    expect(readFileSync(path, 'utf8')).toBe(String(process.pid));
    pidfile.release();
  });

  test('does not remove the file of somebody else', () => {
    const pidfile = takePidfile(path, recorder().log, free);
    rmSync(path);
    writeFileSync(path, '1');
    pidfile.release();
    expect(readFileSync(path, 'utf8')).toBe('1');
  });

  test('needs a folder, and follows no link', () => {
    const { log } = recorder();
    const failure = expect.objectContaining({ code: 'SLAPOS_ERR_FILE', exitCode: 1 });
    expect(() => takePidfile('/nowhere/run.pid', log, free)).toThrow(failure);
    expect(() => takePidfile('/nowhere/run.pid', log, free)).toThrow(
      'Cannot write the pid file /nowhere/run.pid: ENOENT',
    );
    symlinkSync(join(folder, 'target'), path);
    expect(() => takePidfile(path, log, free)).toThrow(failure);
    expect(existsSync(join(folder, 'target'))).toBe(false);
  });
});

test('it is removed when the work fails', async () => {
  const work = withPidfile(path, recorder().log, () => Promise.reject(new Error('no')), free);
  await expect(work).rejects.toThrow('no');
  expect(existsSync(path)).toBe(false);
});
