/**
 * What partitions plant at the paths by which they ask managers, and where managers and firewall keep
 * what they did: nothing outside is changed or shown, every partition can still be destroyed.
 */
import { writeFileSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import { createFirewall } from '../../../src/firewall/create-firewall.ts';
import type { GridContext } from '../../../src/grid/context.ts';
import { createQueue } from '../../../src/grid/queue.ts';
import { createHostFiles } from '../../../src/host/folder/host-files.ts';
import { runInstance } from '../../../src/instance/run-instance.ts';
import { createManagers } from '../../../src/manager/registry.ts';
import { runReport } from '../../../src/report/run-report.ts';
import { createFakeFirewall } from '../../support/fake-firewall.ts';
import { createHostileSite, DISGUISES, NAMES, plant } from '../../support/hostile-site.ts';
import { requires } from '../../support/requires.ts';

const KINDS = Object.keys(DISGUISES);
/** The partition behind the hostile ones, which plants nothing. */
const GOOD = KINDS.length;
const PATHS = [
  '.slapos-cpu-exclusive',
  '.slapos-disk-permission',
  '.slapos-firewalld-rules',
  '.slapos-port-redirect',
  '.slapos-whitelist-firewall',
  '.slapos-whitelist-firewall.md5sum',
  '.slapos-report-wait-service-list',
  'etc/prerm',
  'etc/prerm/script',
];

requires('root', 'netns')('what partitions plant for managers', () => {
  let hostile: ReturnType<typeof createHostileSite>;
  afterEach(() => hostile.site.remove());

  function context(cli: Record<string, boolean> = {}): GridContext {
    const plain = hostile.context(cli);
    const fake = createFakeFirewall();
    const settings = {
      command: ['/bin/true'] as const,
      reloadCommand: ['/bin/true'] as const,
      authorizedSources: [],
      programs: [],
    };
    const isFirewall = (argv: readonly string[]) => argv[0] === '/bin/true';
    const inTurn = createQueue();
    return {
      ...plain,
      host: {
        ...plain.host,
        run: (command) => (isFirewall(command.argv) ? fake.run(command) : plain.host.run(command)),
      },
      firewall: createFirewall(settings, inTurn),
      managers: createManagers({
        settings: {
          names: ['prerm', 'devperm', 'portredir', 'whitelistfirewall', 'cpuset'],
          powerUsers: ['siteuser0'],
          allowedDisks: ['/dev/nothing'],
        },
        firewall: settings,
        inTurn,
        files: createHostFiles(),
        openSupervisor: hostile.site.openSupervisor,
      }),
    };
  }

  const neighbour = () => hostile.site.path(`slappart${GOOD}`, 'own');

  function plantAll(path: string): void {
    KINDS.forEach((kind, index) => {
      const put = (at: string) => DISGUISES[kind]?.(at, hostile.outside, neighbour());
      plant(hostile.site.path(`slappart${index}`, path), put, hostile.owner(index));
    });
  }

  function expectNoHarm(path: string): void {
    const told = [...hostile.site.log.lines, ...hostile.site.master.posted];
    const shown = told.filter((text) => text.includes('the-secret'));
    expect([path, hostile.outside.changes, hostile.leaks(), shown]).toEqual([path, '', [], []]);
  }

  it.each(PATHS)('at %s does no harm', async (path) => {
    hostile = createHostileSite(GOOD + 1);
    const { master, openSupervisor } = hostile.site;
    hostile.site.write(GOOD, 'own', 'mine\n', 0o600);
    const parameters = { timestamp: '1', full_ip_list: [['route_tap', '10.0.0.1']] };
    for (let index = 0; index <= GOOD; index += 1) {
      hostile.site.wish(index, { parameters: parameters as never });
      hostile.site.write(index, '.slapos-whitelist-firewall', '["10.0.0.9"]');
    }
    for (let round = 0; round < 2; round += 1) {
      plantAll(path);
      master.calls.length = 0;
      expect(await runInstance(context({ force: true }), openSupervisor)).toBe(0);
      expectNoHarm(path);
      for (let index = 0; index <= GOOD; index += 1) {
        expect([path, ...master.calls]).toContain(`reportStarted slappart${index}`);
      }
    }
    plantAll(path);
    for (let index = 0; index <= GOOD; index += 1) {
      hostile.site.wish(index, { requestedState: 'destroyed' });
    }
    master.calls.length = 0;
    hostile.site.log.lines.length = 0;
    expect(await runReport(context(), openSupervisor)).toBe(0);
    expect([path, hostile.outside.changes]).toEqual([path, '']);
    KINDS.forEach((kind, index) => {
      // A script that the supervisor says is running is waited for.
      const isWaiting = hostile.site.log.lines.includes(
        `INFO Partition slappart${index} still has services that must end first.`,
      );
      const isGone = master.calls.includes(`reportDestroyed slappart${index}`);
      expect([kind, isGone || isWaiting]).toEqual([kind, true]);
    });
    expect(master.calls).toContain(`reportDestroyed slappart${GOOD}`);
  });

  it('as names of scripts neither crash a pass nor become configuration', async () => {
    hostile = createHostileSite(1);
    const { openSupervisor, path, wish, write } = hostile.site;
    write(0, 'etc/prerm/plain', '#!/bin/sh\n', 0o755);
    for (const name of NAMES) {
      writeFileSync(Buffer.concat([Buffer.from(`${path('slappart0/etc/prerm')}/`), name]), '');
    }
    wish(0, { requestedState: 'destroyed' });
    await runReport(context(), openSupervisor);
    await hostile.site.supervisor.stopAll();
    expect(
      hostile.site.log.lines.filter((line) => line.includes('unsafe name')).length,
    ).toBeGreaterThan(4);
    expect(hostile.site.log.lines.filter((line) => line.startsWith('ERROR'))).toEqual([]);
  });
});
