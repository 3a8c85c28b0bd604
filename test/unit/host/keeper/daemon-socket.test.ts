import {
  chmodSync,
  closeSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type DaemonSocket, openDaemonSocket } from '../../../../src/host/keeper/daemon-socket.ts';

const PATH = 'var/run/daemon.sock';
let root: string;
let opened: DaemonSocket[];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'slapos-socket-'));
  mkdirSync(join(root, 'var'), { mode: 0o755 });
  opened = [];
});

afterEach(() => {
  for (const { fd } of opened) closeSync(fd);
  rmSync(root, { recursive: true });
});

async function open(): Promise<DaemonSocket> {
  const socket = await openDaemonSocket(root, PATH);
  opened.push(socket);
  return socket;
}

const status = (...names: string[]) => lstatSync(join(root, ...names));

it('makes a socket for its owner only, in a folder of the same kind, and takes it away', async () => {
  const socket = await open();
  expect(status(PATH).isSocket()).toBe(true);
  expect(status(PATH).mode & 0o777).toBe(0o600);
  expect(status('var/run').mode & 0o777).toBe(0o700);
  socket.remove();
  expect(() => status(PATH)).toThrow('ENOENT');
});

it('leaves the mode of a folder that is there', async () => {
  mkdirSync(join(root, 'var/run'));
  chmodSync(join(root, 'var/run'), 0o755);
  await open();
  expect(status('var/run').mode & 0o777).toBe(0o755);
});

it('replaces the socket of a daemon that was killed', async () => {
  await open();
  const { ino } = status(PATH);
  await open();
  expect(status(PATH).ino).not.toBe(ino);
});

it('leaves anything else alone, and what a link leads to', async () => {
  mkdirSync(join(root, 'var/run'), { mode: 0o700 });
  writeFileSync(join(root, PATH), 'mine');
  await expect(open()).rejects.toThrow('EADDRINUSE');
  rmSync(join(root, PATH));
  const server = createServer().listen(join(root, 'other.sock'));
  symlinkSync(join(root, 'other.sock'), join(root, PATH));
  await expect(open()).rejects.toThrow('EADDRINUSE');
  expect(status('other.sock').isSocket()).toBe(true);
  server.close();
});

it('follows no link to its folder', async () => {
  mkdirSync(join(root, 'elsewhere'), { mode: 0o700 });
  symlinkSync('../elsewhere', join(root, 'var/run'));
  await expect(open()).rejects.toThrow();
  expect(() => status('elsewhere/daemon.sock')).toThrow('ENOENT');
});

it('refuses a folder in which others can put something else at its name', async () => {
  mkdirSync(join(root, 'var/run'));
  chmodSync(join(root, 'var/run'), 0o777);
  await expect(open()).rejects.toThrow('others can replace');
});

it('finds an instance root that is a link of ours', async () => {
  const link = `${root}-link`;
  symlinkSync(root, link);
  try {
    opened.push(await openDaemonSocket(link, PATH));
    expect(status(PATH).isSocket()).toBe(true);
  } finally {
    rmSync(link);
  }
});
