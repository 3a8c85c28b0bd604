import { describe, expect, it } from 'vitest';
import { checkManagers } from '../../../src/format/managers.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { parseCpuList } from '../../../src/model/cpu-list.ts';
import { FakeHost } from '../../support/fake-host.ts';
import { formatInput, formatOptions, plannedKinds, runFormat } from '../../support/format-run.ts';

const FOLDER = '/cgroup/cpuset';
const options = formatOptions({ manager_list: 'cpuset, prerm' });

function newHost(): FakeHost {
  const host = new FakeHost();
  host.addLink('br0', { kind: 'bridge' });
  host.addAddress('br0', '2001:db8:aaaa::1', 48);
  return host;
}

function inputFor(host: FakeHost) {
  const input = formatInput(host, options);
  return { ...input, ports: { ...input.ports, cpusetFolder: FOLDER } };
}

describe('the cpuset manager', () => {
  it('makes an exclusive set for each processor, once', async () => {
    const host = newHost();
    host.fileTable.set(`${FOLDER}/cpuset.cpus`, { content: '0,2-3\n', mode: 0o644 });
    host.folders.set('/cgroup', { mode: 0o755, uid: 0, gid: 0 });
    host.folders.set(FOLDER, { mode: 0o755, uid: 0, gid: 0 });
    await runFormat(inputFor(host));
    const sets = [...host.fileTable].filter(([path]) => path.startsWith(`${FOLDER}/cpu3/`));
    expect(sets.map(([path, { content }]) => [path.slice(FOLDER.length), content])).toEqual([
      ['/cpu3/cpuset.cpus', '3'],
      ['/cpu3/cpuset.cpu_exclusive', '1'],
      ['/cpu3/cpuset.mems', '0'],
    ]);
    expect(host.folders.has(`${FOLDER}/cpu1`)).toBe(false);
    expect(await plannedKinds(inputFor(host))).toEqual([]);
    host.fileTable.set(`${FOLDER}/cpu2/cpuset.mems`, { content: '', mode: 0o644 });
    expect(await plannedKinds(inputFor(host))).toContain('controlWrite');
  });

  it('does nothing where cgroup version 1 has no cpusets', async () => {
    const host = newHost();
    await runFormat(inputFor(host));
    expect([...host.folders.keys()].filter((path) => path.includes('cpuset'))).toEqual([]);
  });
});

describe('manager_list', () => {
  it('refuses a name that is no manager', () => {
    const unknown = formatOptions({ manager_list: 'prerm nonesuch' });
    expect(() => checkManagers(unknown, silentLogger)).toThrow(/'nonesuch' in manager_list/);
  });

  it.each([
    ['0,2-3', [0, 2, 3]],
    ['7\n', [7]],
    ['', []],
    ['x,3-1', []],
  ])('reads the list %j', (text, cpus) => {
    expect(parseCpuList(text)).toEqual(cpus);
  });
});
