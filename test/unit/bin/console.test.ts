/** `slapos console` as a process: a person at a terminal, scripts, and Python (spec/cli.md 6.6). */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { bundleProgram } from '../../support/bundle-slapos.ts';
import { computerDocument, type ProxyFixture, startProxy } from '../../support/proxy-fixture.ts';
import { Terminal } from '../../support/terminal.ts';

const PROMPT = 'slapos>';
const HELLO = 'https://example.org/hello.cfg';

let built = { folder: '', program: '' };
let proxy: ProxyFixture;
let home: string;
let config: string;

beforeAll(async () => {
  built = await bundleProgram('src/bin/slapos.ts');
  proxy = await startProxy();
  await proxy.master.loadComputerConfiguration(computerDocument(3));
});

afterAll(async () => {
  rmSync(built.folder, { recursive: true });
  await proxy.close();
});

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'slapos-home-'));
  config = writeConfig();
  return () => rmSync(home, { recursive: true });
});

function file(name: string, text: string, mode = 0o644): string {
  const path = join(home, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text, { mode });
  return path;
}

function writeConfig(more = ''): string {
  const aliases = `[slapconsole]\nalias =\n  hello ${HELLO}\n  to-do https://x/\n  slap https://x/\n${more}`;
  return file('client.cfg', `[slapos]\nmaster_url = ${proxy.url}\n${aliases}`);
}

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Given {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}

async function slapos(
  words: readonly string[],
  { input = '', env = {} }: Given = {},
): Promise<Ended> {
  const child = spawn(process.execPath, [built.program, 'console', '--cfg', config, ...words], {
    cwd: home,
    env: { PATH: '/nowhere', HOME: home, ...env },
  });
  const read = (stream: Readable) => stream.setEncoding('utf8').toArray();
  child.stdin.on('error', () => undefined).end(input);
  const texts = Promise.all([read(child.stdout), read(child.stderr)]);
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  const [stdout = '', stderr = ''] = (await texts).map((pieces) => pieces.join(''));
  return { status, stdout, stderr };
}

describe('at a terminal', () => {
  async function converse(talk: (terminal: Terminal) => Promise<void>): Promise<number> {
    const command = [process.execPath, built.program, 'console', '--cfg', config].join(' ');
    const terminal = new Terminal(command, { HOME: home, NO_COLOR: '1' });
    try {
      await terminal.isAt(PROMPT);
      await talk(terminal);
      return await terminal.ended;
    } finally {
      terminal.close();
    }
  }

  /** Types a line and waits for what it prints and the next prompt. */
  async function enter(terminal: Terminal, line: string, shown: RegExp): Promise<void> {
    terminal.type(`${line}\r`);
    await terminal.sees(shown);
    await terminal.isAt(PROMPT);
  }

  const historyFile = () => join(home, '.local', 'state', 'slapos', 'console-history');

  it('has the names, waits for results, tells failures, and ends with a status', async () => {
    const status = await converse(async (terminal) => {
      expect(terminal.screen.text).toContain(`on the Master at ${proxy.url}`);
      await enter(terminal, 'hello', /^'https:\/\/example\.org\/hello\.cfg'$/m);
      await enter(terminal, 'aliases["to-do"]', /^'https:\/\/x\/'$/m);
      await enter(terminal, 'product.kvm', /^'https:\/\/example\.com\/kvm\.cfg'$/m);
      await enter(terminal, 'product', /^\[product\.NAME: /m);
      await enter(terminal, 'const answer = await request(hello, "typed", { a: "1" })', /1" }\)\n/);
      await enter(terminal, 'answer.partition.getInstanceParameters()', /^\{ a: '1' \}$/m);
      await enter(
        terminal,
        'getInformation("nope")',
        /Uncaught Instance nope does not exist\. \[SLAPOS/,
      );
      await enter(terminal, 'void Promise.reject(new Error("lost"))', /Uncaught Error: lost$/m);
      await enter(terminal, '.globals', /This is[\s\S]*This is/);
      expect(terminal.screen.text).not.toMatch(/^ +at /m);
      terminal.type('exit(7)\r');
    });
    expect(status).toBe(7);
  });

  it('Ctrl-C ends what is waited for, and a loop, but not the console', async () => {
    const status = await converse(async (terminal) => {
      terminal.type(
        'setTimeout(() => process.stdout.write("waits\\n"), 1); new Promise(() => {})\r',
      );
      await terminal.sees(/^waits$/m);
      terminal.type('\x03');
      await terminal.sees(/interrupted/);
      await terminal.isAt(PROMPT);
      terminal.type('process.stdout.write("turns\\n"); while (true) {}\r');
      await terminal.sees(/^turns$/m);
      terminal.type('\x03');
      await terminal.sees(/interrupted[\s\S]*interrupted/);
      await enter(terminal, '20 + 3', /^23$/m);
      terminal.type('\x04');
    });
    expect(status).toBe(0);
  });

  it('is left without waiting for a Master that does not answer', async () => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    config = file('client.cfg', `[slapos]\nmaster_url = http://127.0.0.1:${port}/\n`);
    const status = await converse(async (terminal) => {
      terminal.type('computer("COMP-1").listSoftware()\r');
      await once(silent, 'connection');
      terminal.type('\x03');
      await terminal.sees(/interrupted/);
      terminal.type('product.kvm\r');
      await once(silent, 'connection');
      terminal.type('\x03');
      await terminal.sees(/interrupted[\s\S]*interrupted/);
      terminal.type('exit(3)\r');
    });
    silent.closeAllConnections();
    silent.close();
    expect(status).toBe(3);
  });

  it.each([
    ['process.kill(process.pid, "SIGTERM")', 143],
    ['exit("status")', 1],
  ])('%s ends it with %i', async (line, expected) => {
    const status = await converse(async (terminal) => terminal.type(`${line}\r`));
    expect(status).toBe(expected);
  });

  it('completes names, and keeps what was typed in a file of its own', async () => {
    const python = file('.slapconsolehistory', 'request(kvm, "a")\n', 0o600);
    await converse(async (terminal) => {
      terminal.type('slap.registerOpenO\t');
      await terminal.isAt(`${PROMPT} slap.registerOpenOrder`);
      terminal.type('.name\r');
      await terminal.sees(/^'registerOpenOrder'$/m);
      await terminal.isAt(PROMPT);
      await enter(terminal, '  "a secret".length', /^8$/m);
      terminal.type('.exit\r');
    });
    expect(readFileSync(historyFile(), 'utf8')).toBe('slap.registerOpenOrder.name\n.exit\n');
    expect(statSync(historyFile()).mode & 0o777).toBe(0o600);
    await converse(async (terminal) => {
      terminal.type('\x1b[A\x1b[A');
      await terminal.isAt(`${PROMPT} slap.registerOpenOrder.name`);
      terminal.type('\x15.exit\r');
    });
    expect(readFileSync(python, 'utf8')).toBe('request(kvm, "a")\n');
  });
});

describe('a script', () => {
  it.each([
    ['s.mjs', 'import.meta.url.endsWith("/s.mjs") && await product.kvm'],
    ['s.cjs', 'require.main === module && __filename.endsWith("/s.cjs")'],
    ['program', 'require.main === module && require("node:path").sep === "/"'],
  ])('%s runs as a program, with the names', async (name, proof) => {
    const text = `#!/usr/bin/env -S slapos console
console.log(Boolean(${proof}), process.argv.slice(1), typeof slap.registerSupply, hello);
void supply('product.kvm', 'COMP-1').then(() => remove(hello, 'COMP-1'))
  .then(() => computer('COMP-1').listSoftware()).then((all) => console.log(all.length));
`;
    const path = file(name, text);
    const { status, stdout } = await slapos([name, 'a', '--b']);
    expect([status, stdout]).toEqual([0, `true [ '${path}', 'a', '--b' ] function ${HELLO}\n2\n`]);
  });

  it.each([
    ['exit(4)', 4, ''],
    ['process.exitCode = 3', 3, ''],
    ['setTimeout(() => exit(5), 1); await new Promise((go) => setTimeout(go, 60_000))', 5, ''],
    ['await new Promise(() => {})', 13, 's.mjs waits for something that cannot come any more.'],
    [
      'null.x',
      1,
      "s.mjs failed: TypeError: Cannot read properties of null (reading 'x')\n    at file:",
    ],
    ['setTimeout(() => { throw new Error("late") }, 1)', 1, 's.mjs failed: Error: late\n    at '],
    ['Promise.reject(7)', 1, 's.mjs failed: '],
    ['await getInformation("nope")', 1, 's.mjs failed: Instance nope does not exist. [SLAPOS_ERR'],
    ['print "a"', 1, 'SyntaxError: Unexpected string\nA Python script is recognised by'],
  ])('%s ends it with %i', async (text, expected, said) => {
    file('s.mjs', text);
    const { status, stderr } = await slapos(['s.mjs']);
    expect([status, stderr]).toEqual([expected, expect.stringContaining(said)]);
    if (said === '') expect(stderr).toBe('');
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('is ended by %s, whatever it does', async (signal) => {
    file('s.mjs', 'console.log("up"); for (;;);');
    const child = spawn(process.execPath, [built.program, 'console', '--cfg', config, 's.mjs'], {
      cwd: home,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(child.stdout, 'data');
    child.kill(signal);
    expect(await once(child, 'exit')).toEqual([null, signal]);
  });

  it('is asked for the Master of the command line', async () => {
    file('s.mjs', 'console.log(slap.masterUrl)');
    const { stdout } = await slapos(['-u', 'http://127.0.0.1:1/x', 's.mjs']);
    expect(stdout).toBe('http://127.0.0.1:1/x/\n');
  });

  it('that cannot be read is named', async () => {
    const { status, stderr } = await slapos(['nope.js']);
    expect([status, stderr]).toEqual([1, expect.stringContaining('nope.js: ENOENT')]);
    expect(await slapos(['-p', 's.mjs'])).toMatchObject({ status: 2 });
  });
});

describe('standard input', () => {
  it.each([
    [
      'console.log(await product.kvm, require("node:os").EOL.length)',
      0,
      'https://example.com/kvm.cfg 1\n',
    ],
    ['const { sep } = await import("node:path"); console.log(sep); exit(6)', 6, '/\n'],
    ['console.log(1);\nnope()', 1, '1\n'],
    ['', 0, ''],
  ])('%j', async (input, expected, shown) => {
    const { status, stdout, stderr } = await slapos([], { input });
    expect([status, stdout]).toEqual([expected, shown]);
    if (status === 1) expect(stderr).toContain('ReferenceError: nope is not defined\n    at ');
  });

  it('tells which shell there is, and refuses Python', async () => {
    const { status, stderr } = await slapos(['-b'], { input: '#!/usr/bin/python3\n' });
    expect(status).toBe(1);
    expect(stderr).toMatch(/INFO bpython is no shell of this console.*\n.*ERROR A Python script/);
  });
});

describe('a Python script', () => {
  const COMMAND = 'console --cfg';

  /** What stands in for Python: it says what it was called with, and ends with 9. */
  function python(name: string): string {
    const check = 'case "$2" in *"import slapos.cli.console") exit 0;; esac';
    return file(name, `#!/bin/sh\n${check}\necho "$@"\nexit 9\n`, 0o755);
  }

  const program = (name: string, beginning: string) => file(name, `${beginning}\n`, 0o755);
  const pathOf = (...names: readonly string[]) => names.map((name) => join(home, name)).join(':');

  it.each([
    ['its first line', (name: string) => `#!${name}`],
    ['the two lines of pip', (name: string) => `#!/bin/sh\n'''exec' "${name}" "$0" "$@"\n' '''`],
  ])('is run by the slapos of PATH that %s shows to be Python', async (_, begin) => {
    const script = file('cron', '#!/usr/bin/env python3\nprint()\n');
    program('ours/slapos', '#!/usr/bin/env node');
    program('wrapper/slapos', '#!/bin/sh\nexec slapos "$@"');
    const upstream = program('theirs/slapos', begin(python('env/python3')));
    const env = { PATH: pathOf('ours', 'wrapper', 'theirs') };
    const words = ['-u', 'http://h/', '-k', 'key', script, 'a', '-b'];
    const { status, stdout } = await slapos(words, { env });
    const options = '--master_url=http://h/ --key_file=key';
    expect(stdout).toBe(`${upstream} ${COMMAND} ${config} ${options} -- ${script} a -b\n`);
    expect(status).toBe(9);
  });

  it('is run by a python3 of PATH that has slapos', async () => {
    python('env/python3');
    file('s.py', '');
    const { status, stdout } = await slapos(['s.py'], { env: { PATH: pathOf('env') } });
    expect(stdout).toMatch(/^-c import sys; .*slapos\.cli\.entry/);
    expect(stdout).toContain(`${COMMAND} ${config} -- s.py\n`);
    expect(status).toBe(9);
  });

  it('is run by what the configuration names', async () => {
    file('s.py', '');
    const run = async (path: string) => {
      config = writeConfig(`python_slapos = ${path}\n`);
      return slapos(['s.py'], { env: { PATH: pathOf('none') } });
    };
    const interpreter = python('env/python3.11');
    expect((await run(interpreter)).stdout).toMatch(/^-c import sys/);
    const upstream = program('bin/any', `#!${interpreter}`);
    expect((await run(upstream)).stdout).toMatch(`${upstream} ${COMMAND}`);
    const { status, stderr } = await run('/nowhere/python3');
    expect([status, stderr]).toEqual([1, expect.stringContaining('SLAPOS_ERR_CONFIG_FILE')]);
  });

  it('is refused in one line when nothing can run it, or only we could', async () => {
    file('s.py', '');
    const wrapper = `#!/bin/sh\nexec '${process.execPath}' '${built.program}' "$@"`;
    config = writeConfig(`python_slapos = ${program('bin/slapos', wrapper)}\n`);
    const called = await slapos(['s.py']);
    expect([called.status, called.stderr]).toEqual([
      1,
      expect.stringMatching(
        /^.* ERROR s\.py .*: the slapos that was to run it is this one\. .*\n$/,
      ),
    ]);
    const missing = await slapos(['nope.py']);
    expect([missing.status, missing.stderr]).toEqual([1, expect.stringContaining('ENOENT')]);
  });

  it.skipIf(existsSync('/opt/slapos/bin/slapos'))('needs slapos.core', async () => {
    file('s.py', '');
    const { status, stderr } = await slapos(['s.py'], { env: { PATH: pathOf('none') } });
    expect([status, stderr]).toEqual([1, expect.stringContaining('SLAPOS_ERR_PYTHON_MISSING')]);
    expect(stderr).toContain('python_slapos in section [slapconsole]');
  });

  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('gets %s that we get', async (signal, expected) => {
    file('s.py', '');
    const name = signal.slice(3);
    const body = `#!/bin/sh\ntrap 'echo passed; exit 0' ${name}\necho up\nwhile :; do sleep 0.02; done\n`;
    config = writeConfig(`python_slapos = ${file('bin/waits', body, 0o755)}\n`);
    const child = spawn(process.execPath, [built.program, 'console', '--cfg', config, 's.py'], {
      cwd: home,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      if (stdout === 'up\n') child.kill(signal);
    });
    const status = await new Promise((resolve) => child.once('close', resolve));
    expect([status, stdout]).toEqual([expected, 'up\npassed\n']);
  });
});
