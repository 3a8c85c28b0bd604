/** What is measured of one supervisor with a number of services. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProcessInfo } from '../../src/supervisor/client.ts';
import { type Daemon, Ours, type RpcDaemon } from './daemons.ts';
import { cpuMs, cpuPercent, type Figure, pssMb, rssMb, sumUp, timed, until } from './readings.ts';
import { Site, type SiteOptions } from './site.ts';

export interface Plan {
  readonly parent: string;
  readonly service: string;
  readonly perGroup: number;
  readonly runs: number;
  readonly idleSeconds: number;
  readonly floodRate: number;
}

type MakeDaemon = () => Daemon;

const SETTLE_MS = 20_000;

function siteOptions(plan: Plan, services: number, isAutostart: boolean): SiteOptions {
  const { parent, service, perGroup } = plan;
  return { parent, service, perGroup, services, isAutostart };
}

async function withSite<T>(options: SiteOptions, run: (site: Site) => Promise<T>): Promise<T> {
  const site = new Site(options);
  try {
    return await run(site);
  } finally {
    site.remove();
  }
}

function awaitServices(site: Site): Promise<void> {
  const { services } = site.options;
  return until(() => site.running() >= services, `${services} services`);
}

/** From the daemon's start to the last service running, idle use, and the stop of everything. */
export async function measureLife(
  make: MakeDaemon,
  services: number,
  plan: Plan,
): Promise<Figure[]> {
  const coldMs: number[] = [];
  const coldCpuMs: number[] = [];
  const stopMs: number[] = [];
  const figures: Figure[] = [];
  let who = '';
  for (let run = 0; run < plan.runs; run += 1) {
    await withSite(siteOptions(plan, services, true), async (site) => {
      const daemon = make();
      who = daemon.who;
      coldMs.push(
        await timed(async () => {
          await daemon.start(site);
          await awaitServices(site);
        }),
      );
      coldCpuMs.push(cpuMs(daemon.pids()));
      if (run === 0) figures.push(...(await measureIdle(daemon, services, plan)));
      stopMs.push(await timed(() => daemon.stop()));
    });
  }
  const label = (what: string) => ({ what, who, services, unit: 'ms' });
  return [
    sumUp(label('launch to last service running'), coldMs),
    sumUp(label('launch, processor time of the supervisor'), coldCpuMs),
    ...figures,
    sumUp(label('SIGTERM to the end'), stopMs),
  ];
}

async function measureIdle(daemon: Daemon, services: number, plan: Plan): Promise<Figure[]> {
  await sleep(SETTLE_MS);
  const pids = daemon.pids();
  const { who } = daemon;
  const percents: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    percents.push(await cpuPercent(pids, plan.idleSeconds / 3));
  }
  const figure = (what: string, unit: string, values: readonly number[]) =>
    sumUp({ what, who, services, unit }, values);
  const parts = daemon instanceof Ours ? daemon.parts : undefined;
  return [
    figure('idle processor use', '%', percents),
    figure('resident memory', 'MB', [rssMb(pids)]),
    ...(parts === undefined
      ? []
      : [
          figure('resident memory, keeper', 'MB', [rssMb([parts.keeper])]),
          figure('resident memory, controller', 'MB', [rssMb([parts.controller])]),
        ]),
    figure('proportional memory', 'MB', [pssMb(pids)]),
  ];
}

async function requireRunning(daemon: RpcDaemon, services: number): Promise<void> {
  const infos = await daemon.client.call<ProcessInfo[]>('supervisor.getAllProcessInfo');
  const running = infos.filter(({ statename }) => statename === 'RUNNING').length;
  if (running !== services) throw new Error(`${daemon.who}: ${running} of ${services} RUNNING`);
}

/** One call that starts everything, then the command `supervisorctl status`, then a stop by call. */
export async function measureCalls(
  make: () => RpcDaemon,
  services: number,
  plan: Plan,
): Promise<Figure[]> {
  const startMs: number[] = [];
  const startCpuMs: number[] = [];
  const memoryMb: number[] = [];
  const statusMs: number[] = [];
  const infoMs: number[] = [];
  const stopMs: number[] = [];
  let who = '';
  for (let run = 0; run < plan.runs; run += 1) {
    await withSite(siteOptions(plan, services, false), async (site) => {
      const daemon = make();
      who = daemon.who;
      await daemon.start(site);
      await daemon.client.call('supervisor.getState');
      const before = cpuMs(daemon.pids());
      startMs.push(await timed(() => daemon.client.call('supervisor.startAllProcesses', true)));
      startCpuMs.push(cpuMs(daemon.pids()) - before);
      await awaitServices(site);
      await requireRunning(daemon, services);
      for (let round = 0; round < 3; round += 1) {
        statusMs.push(await timed(async () => runStatus(daemon, services)));
        infoMs.push(await timed(() => daemon.client.call('supervisor.getAllProcessInfo')));
      }
      memoryMb.push(rssMb(daemon.pids()));
      stopMs.push(await timed(() => daemon.client.call('supervisor.stopAllProcesses', true)));
      await daemon.stop();
    });
  }
  const label = (what: string) => ({ what, who, services, unit: 'ms' });
  return [
    sumUp(label('startAllProcesses, STOPPED to RUNNING'), startMs),
    sumUp(label('startAllProcesses, processor time of the supervisor'), startCpuMs),
    sumUp(label('supervisorctl status, whole process'), statusMs),
    sumUp(label('getAllProcessInfo'), infoMs),
    sumUp({ ...label('resident memory right after status'), unit: 'MB' }, memoryMb),
    sumUp(label('stopAllProcesses'), stopMs),
  ];
}

function runStatus(daemon: RpcDaemon, services: number): void {
  const [program = '', ...args] = daemon.ctl;
  const run = spawnSync(program, [...args, 'status'], {
    encoding: 'utf8',
    env: {},
    maxBuffer: 1 << 26,
  });
  const lines = run.stdout.split('\n').filter((line) => line.includes('RUNNING')).length;
  if (lines !== services) throw new Error(`status shows ${lines} of ${services}: ${run.stderr}`);
}

/** Reading the configuration again after one file of many changed, and after none did. */
export async function measureReload(
  make: () => RpcDaemon,
  files: number,
  plan: Plan,
): Promise<Figure[]> {
  const changedMs: number[] = [];
  const sameMs: number[] = [];
  let who = '';
  await withSite({ ...siteOptions(plan, files * 2, false), perGroup: 2 }, async (site) => {
    const daemon = make();
    who = daemon.who;
    await daemon.start(site);
    await daemon.client.call('supervisor.reloadConfig');
    const path = site.groupFile(`slappart${Math.floor(files / 2)}`);
    const text = readFileSync(path, 'utf8');
    for (let round = 0; round < Math.max(10, plan.runs); round += 1) {
      writeFileSync(path, text.replaceAll('stopwaitsecs=60', `stopwaitsecs=${61 + round}`));
      changedMs.push(await timed(() => daemon.client.call('supervisor.reloadConfig')));
      sameMs.push(await timed(() => daemon.client.call('supervisor.reloadConfig')));
    }
    await daemon.stop();
  });
  const label = (what: string) => ({ what, who, services: files * 2, unit: 'ms' });
  return [
    sumUp(label(`reloadConfig, one of ${files} files changed`), changedMs),
    sumUp(label(`reloadConfig, none of ${files} files changed`), sameMs),
  ];
}

/** What one service that prints all the time costs the daemon, beside idle ones. */
export async function measureFlood(
  make: MakeDaemon,
  services: number,
  plan: Plan,
): Promise<Figure[]> {
  const { floodRate } = plan;
  const options = { ...siteOptions(plan, services, true), floodRate };
  return withSite(options, async (site) => {
    const daemon = make();
    const { who } = daemon;
    await daemon.start(site);
    await until(() => site.running() >= services + 1, 'the services');
    await sleep(SETTLE_MS);
    const percents: number[] = [];
    for (let round = 0; round < Math.max(3, plan.runs); round += 1) {
      percents.push(await cpuPercent(daemon.pids(), plan.idleSeconds / 3));
    }
    await daemon.stop();
    const what = `processor use, one service printing ${floodRate} lines/s`;
    return [sumUp({ what, who, services, unit: '%' }, percents)];
  });
}
