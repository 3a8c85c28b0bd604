import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type FakeClient, finish, KeeperRun, until } from '../support/keeper-run.ts';
import { requires } from '../support/requires.ts';

let run: KeeperRun;
let client: FakeClient;

const text = (path: string) => readFileSync(path, 'utf8');

beforeEach(() => {
  run = new KeeperRun();
});

afterEach(async () => {
  client?.close();
  await run.dispose();
});

requires('root', 'netns')('a keeper that starts', () => {
  it('hands on the status and the words of a controller that fails at once', async () => {
    const launched = await run.launch({ env: { FAKE_FAILURE: '1' } });
    expect(launched).toEqual({ status: 2, output: 'Error: the configuration is wrong\n' });
    expect([existsSync(run.socket), existsSync(run.pidFile)]).toEqual([false, false]);
  });

  it('lets the launcher wait until the controller is ready', async () => {
    const launcher = run.start({ env: { FAKE_NOT_READY: '1' } });
    const launched = finish(launcher);
    await until(() => (existsSync(run.socket) ? true : undefined), 'the socket');
    client = run.connect();
    await client.wait('synced');
    await sleep(200);
    expect(launcher.exitCode).toBeNull();
    client.send({ do: 'ready' });
    expect((await launched).status).toBe(0);
  });

  it('stays in the foreground when asked and shows the words of the controller', async () => {
    const child = run.start({ args: ['-n'] });
    const launched = finish(child);
    await until(() => (existsSync(run.socket) ? true : undefined), 'the socket');
    client = run.connect();
    await client.wait('synced');
    expect(run.pid).toBe(child.pid);
    client.send({ do: 'shout', text: 'hello operator\n' });
    await until(
      () => (existsSync(run.log) && text(run.log) === 'hello operator\n' ? true : undefined),
      'the text in the main log',
    );
    child.kill('SIGINT');
    await client.wait('forward', { signal: '2' });
    client.send({ verb: 'stopped' });
    expect(await launched).toEqual({ status: 0, output: 'hello operator\n' });
  });

  it('does not take the place of another server, nor of a file', async () => {
    const other = createServer().listen(run.socket);
    await until(() => (other.listening ? true : undefined), 'the other server');
    const refused = await run.launch();
    expect(refused.status).toBe(2);
    expect(existsSync(run.socket)).toBe(true);
    other.close();
    await until(() => (existsSync(run.socket) ? undefined : true), 'the end of the other server');
    writeFileSync(run.socket, 'precious');
    expect((await run.launch()).output).toContain('exists and is not a socket');
    expect(text(run.socket)).toBe('precious');
  });

  it.each([
    [['--socket-mode', '999'], /'999' is not a value for/],
    [['--unknown'], /option --unknown is not known/],
    [['--journal', 'relative'], /--journal needs an absolute path/],
  ])('says what is wrong with %j', async (args, message) => {
    const launched = await run.launch({ args });
    expect(launched.status).toBe(2);
    expect(launched.output).toMatch(message);
    expect(launched.output).toMatch(/\nFor help, use .*slapos-supervisord -h\n$/);
  });

  it('restarts a controller that keeps crashing with growing pauses', async () => {
    expect((await run.launch()).status).toBe(0);
    client = run.connect();
    await client.wait('synced');
    for (let round = 0; round < 3; round += 1) {
      client.send({ do: 'crash' });
      await until(() => (client.isClosed ? true : undefined), 'the end of the controller');
      client = run.connect();
      await client.wait('synced');
    }
    const pauses = [...text(run.log).matchAll(/another in (\d+) ms/g)].map((match) => match[1]);
    expect(pauses).toEqual(['100', '200', '400']);
  });
});
