/** The watchdog of a real supervisor and a real Master: what fails is told, once. */
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import forge from 'node-forge';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createHostFiles } from '../../../src/host/folder/host-files.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import type { ProcessInfo } from '../../../src/supervisor/client.ts';
import {
  type SupervisorFilesOptions,
  writeSupervisorFiles,
} from '../../../src/supervisor/launch.ts';
import { updateGroups } from '../../../src/supervisor/update.ts';
import {
  computerDocument,
  instanceRequest,
  type ProxyFixture,
  startProxy,
} from '../../support/proxy-fixture.ts';
import { requires } from '../../support/requires.ts';
import { SupervisorRun, until } from '../../support/supervisor-run.ts';

/** A certificate that nobody but itself has signed. */
function createCertificate() {
  const keys = forge.pki.rsa.generateKeyPair(2048);
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = keys.publicKey;
  certificate.serialNumber = '01';
  certificate.validity.notBefore = new Date(Date.now() - 86_400_000);
  certificate.validity.notAfter = new Date(Date.now() + 86_400_000);
  const name = [{ name: 'commonName', value: 'slappart0' }];
  certificate.setSubject(name);
  certificate.setIssuer(name);
  certificate.setExtensions([
    { name: 'basicConstraints', cA: true },
    { name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] },
  ]);
  certificate.sign(keys.privateKey, forge.md.sha256.create());
  const key = forge.pki.privateKeyToPem(keys.privateKey);
  return { key, cert: forge.pki.certificateToPem(certificate) };
}

requires('root', 'netns')('the watchdog', () => {
  let run: SupervisorRun;
  let proxy: ProxyFixture;

  beforeEach(async () => {
    run = new SupervisorRun();
    proxy = await startProxy();
    await proxy.master.loadComputerConfiguration(computerDocument(1));
    await proxy.master.requestInstance(instanceRequest('one'));
  });

  afterEach(async () => {
    await run.stop();
    await proxy.close();
  });

  async function launch(options: Partial<SupervisorFilesOptions> = {}): Promise<void> {
    const files = createHostFiles();
    const node = { instanceRoot: run.root, masterUrl: proxy.url, computerId: 'COMP-1' };
    await writeSupervisorFiles({ files, ...node, ...options });
    run.writeGroup('slappart0', {
      'a-on-watch': '/bin/sleep 1000',
      'b-on-watch': '/bin/sleep 1000',
      once: '/bin/false',
    });
    await run.ensure();
    await updateGroups(run.client, silentLogger);
    await run.client.call('supervisor.startProcessGroup', 'slappart0');
    await until(async () => {
      const info = await run.client.call<ProcessInfo>('supervisor.getProcessInfo', 'watchdog');
      return info.statename === 'RUNNING' ? true : undefined;
    }, 'the watchdog');
  }

  async function end(name: string): Promise<void> {
    const info = await run.client.call<ProcessInfo>(
      'supervisor.getProcessInfo',
      `slappart0:${name}`,
    );
    if (info.pid !== 0) process.kill(info.pid, 'SIGKILL');
    else await run.client.call('supervisor.startProcess', `slappart0:${name}`);
  }

  async function timestamp(): Promise<string> {
    const computer = await proxy.master.getFullComputerInformation('COMP-1');
    return JSON.stringify(computer.partitions[0]);
  }

  const bangFile = () => join(run.home, '.slapos_latest_bang_timestamp');
  const banged = (text: string) =>
    until(() => (read(bangFile()) === text ? true : undefined), `the bang ${text}`, 20_000);

  function read(path: string): string | undefined {
    return statSync(path, { throwIfNoEntry: false }) && readFileSync(path, 'utf8');
  }

  it('tells of a watched service that died, once for each processing', async () => {
    writeFileSync(join(run.home, '.timestamp'), '7');
    await launch();
    const before = await timestamp();
    // A script that failed is not watched.
    await sleep(500);
    expect(read(bangFile())).toBeUndefined();
    await end('a-on-watch');
    await banged('7');
    const after = await timestamp();
    expect(after).not.toBe(before);
    await end('b-on-watch');
    await sleep(700);
    expect(await timestamp()).toBe(after);
    writeFileSync(join(run.home, '.timestamp'), '8.5');
    await run.client.call('supervisor.startProcess', 'slappart0:b-on-watch');
    await end('b-on-watch');
    await banged('8.5');
    expect(statSync(bangFile())).toMatchObject({ uid: 0, mode: 0o100644 });
  });

  it('tells also what ended while neither controller nor watchdog ran', async () => {
    await launch();
    const pids = await run.info();
    const watchdog = pids.find(({ name }) => name === 'watchdog')?.pid ?? 0;
    const service = pids.find(({ name }) => name === 'a-on-watch')?.pid ?? 0;
    process.kill(run.controllerPid(), 'SIGKILL');
    process.kill(watchdog, 'SIGKILL');
    process.kill(service, 'SIGKILL');
    run.client.close();
    await banged('0');
  });

  it('keeps what a dead Master could not hear, over its own end', async () => {
    await launch({ masterUrl: 'http://127.0.0.1:1/' });
    await end('a-on-watch');
    const pending = join(run.root, 'var', 'run', 'slapos-watchdog.pending');
    await until(() => (read(pending)?.includes('a-on-watch') ? true : undefined), 'the note');
    expect(statSync(pending).mode & 0o777).toBe(0o600);
    expect(read(bangFile())).toBeUndefined();
    await launch();
    await banged('0');
    await until(() => (read(pending) === '{}' ? true : undefined), 'the end of the note');
  });

  it('trusts a private authority that it is told of, and nobody without, and shows its certificate', async () => {
    const master = createCertificate();
    const partition = createCertificate();
    const repository = join(run.root, 'pki');
    mkdirSync(repository);
    writeFileSync(join(repository, 'slappart0.key'), partition.key);
    writeFileSync(join(repository, 'slappart0.crt'), partition.cert);
    writeFileSync(join(run.root, 'ca "1".pem'), master.cert);
    const asked: string[] = [];
    const server: Server = createServer(
      { ...master, requestCert: true, rejectUnauthorized: false },
      (request, response) => {
        const peer = (request.socket as import('node:tls').TLSSocket).getPeerCertificate();
        request.resume().on('end', () => {
          asked.push(`${request.method} ${request.url} ${peer.subject?.CN}`);
          response.end('OK');
        });
      },
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const masterUrl = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const options = { masterUrl, certificateRepositoryPath: repository };
    await launch(options);
    await end('a-on-watch');
    await until(async () => {
      const text = await run.client.call<string>(
        'supervisor.readProcessStderrLog',
        'watchdog',
        0,
        0,
      );
      return text.includes('self-signed certificate') ? true : undefined;
    }, 'the refusal');
    expect(asked).toEqual([]);
    await launch({ ...options, masterCaFile: join(run.root, 'ca "1".pem') });
    await banged('0');
    expect(asked).toEqual(['POST /softwareInstanceBang slappart0']);
    writeFileSync(join(run.home, '.timestamp'), '9');
    await launch({ ...options, isMasterVerified: false });
    await end('b-on-watch');
    await banged('9');
    server.closeAllConnections();
    server.close();
  });
});
