import { describe, expect, it } from 'vitest';
import { type BootPorts, bootNode } from '../../../src/boot/run-boot.ts';
import {
  ConfigError,
  HostError,
  PlanError,
  SlaposError,
} from '../../../src/errors/slapos-error.ts';
import { RecordingLog } from '../../support/collect-machine.ts';

const END = new Error('told to end');

/** A machine that says what was asked of it; answers are taken from the front. */
class Machine {
  readonly calls: string[] = [];
  readonly log = new RecordingLog();
  addresses: Array<string | null> = ['2001:db8::1'];
  formats: Array<number | Error> = [0];
  connects: Array<Error | undefined> = [];
  bangs: Array<Error | undefined> = [];
  pausesLeft = 20;

  readonly ports: BootPorts = {
    awaitAddress: async (devices, timeoutMs) => {
      this.calls.push(`await ${devices.join('+')} ${timeoutMs}`);
      return this.addresses.shift() ?? null;
    },
    format: async () => {
      this.calls.push('format');
      const answer = this.formats.shift() ?? 0;
      if (typeof answer !== 'number') throw answer;
      return answer;
    },
    connect: async (url) => {
      this.calls.push(`connect ${url}`);
      const failure = this.connects.shift();
      if (failure !== undefined) throw failure;
    },
    bang: async () => {
      this.calls.push('bang');
      const failure = this.bangs.shift();
      if (failure !== undefined) throw failure;
    },
    forgetTimestamps: async () => {
      this.calls.push('forget');
      return ['/srv/slappart0/.timestamp'];
    },
    pause: async (ms) => {
      this.calls.push(`pause ${ms}`);
      this.pausesLeft -= 1;
      if (this.pausesLeft <= 0) throw END;
    },
  };

  boot(devices = ['br0', 'eth0']): Promise<void> {
    const masterUrl = 'https://master.example/';
    return bootNode({ devices, masterUrl, ports: this.ports, log: this.log });
  }
}

describe('a boot', () => {
  it('waits for an address, formats, bangs and forgets what was done', async () => {
    const machine = new Machine();
    machine.addresses = [null, null, '2001:db8::7'];
    await machine.boot();
    expect(machine.calls).toEqual([
      'await br0+eth0 5000',
      'await br0+eth0 10000',
      'await br0+eth0 20000',
      'format',
      'bang',
      'forget',
    ]);
    expect(machine.log.lines[1]).toBe(
      'WARNING [BOOT] No IPv6 address on br0 or eth0 after 15 s, waiting for one.',
    );
    expect(machine.log.lines).toContain('INFO [BOOT] Removed /srv/slappart0/.timestamp');
  });

  it('waits for no address where no interface is named', async () => {
    const machine = new Machine();
    await machine.boot([]);
    expect(machine.calls[0]).toBe('format');
  });

  it('waits for the Master when format could not tell it', async () => {
    const machine = new Machine();
    machine.formats = [2, 0];
    machine.connects = [new Error('connect ECONNREFUSED'), undefined];
    await machine.boot();
    expect(machine.calls.slice(1)).toEqual([
      'format',
      'connect https://master.example/',
      'pause 5000',
      'connect https://master.example/',
      'format',
      'bang',
      'forget',
    ]);
  });

  it('pauses when the Master answers, and yet could not be told', async () => {
    const machine = new Machine();
    machine.formats = [2, 2, 0];
    await machine.boot();
    const { calls } = machine;
    expect(calls.filter((call) => call.startsWith('pause'))).toEqual([
      'pause 15000',
      'pause 30000',
    ]);
  });

  it('tries again what failed, ever less often', async () => {
    const machine = new Machine();
    machine.formats = [1, new HostError('SLAPOS_ERR_NETLINK', 'No.', {}), 1, 1, 1, 0];
    machine.bangs = [new Error('no Master.')];
    await machine.boot();
    const pauses = machine.calls.filter((call) => call.startsWith('pause'));
    expect(pauses).toEqual([15, 30, 60, 120, 120, 15].map((seconds) => `pause ${seconds * 1000}`));
    expect(machine.log.lines).toContain('ERROR [BOOT] node bang: no Master. Again in 15 s.');
  });

  it('ends at once where the configuration is wrong', async () => {
    const machine = new Machine();
    const wrong = new ConfigError('SLAPOS_ERR_CONFIG_VALUE', 'partition_amount is no number.');
    machine.formats = [wrong];
    await expect(machine.boot()).rejects.toBe(wrong);
    expect(machine.calls).toEqual(['await br0+eth0 5000', 'format']);
  });

  it.each([
    new PlanError('SLAPOS_ERR_PLAN_SHRINK', 'partition_amount is 1 but there are 2 partitions.'),
    new PlanError('SLAPOS_ERR_PLAN_CONFLICT', 'User slapuser0 has uid 0.'),
    new PlanError('SLAPOS_ERR_PLAN_ADDRESS', 'ipv4_local_network is not set.'),
    new SlaposError('SLAPOS_ERR_STATE_FILE', 'slapos.xml is not a marshalled computer.'),
  ])('ends with what format refuses whatever the network is: $message', async (refusal) => {
    const machine = new Machine();
    machine.formats = [refusal];
    await expect(machine.boot()).rejects.toBe(refusal);
    expect(machine.calls).toEqual(['await br0+eth0 5000', 'format']);
  });

  it.each([
    ['of a device', { device: 'br0' }],
    ['of a name service', { account: 'slapuser0' }],
    ['of a link to a disk', { link: '/srv/slapgrid' }],
  ])('waits where format refuses for the state %s', async (_, context) => {
    const machine = new Machine();
    machine.formats = [
      new PlanError('SLAPOS_ERR_PLAN_ADDRESS', 'It does not exist.', { context }),
      new PlanError('SLAPOS_ERR_PLAN_CONFLICT', 'It is not what it should be.', { context }),
      0,
    ];
    await machine.boot();
    expect(machine.calls.filter((call) => call.startsWith('pause'))).toEqual([
      'pause 15000',
      'pause 30000',
    ]);
  });

  it('ends when it is told to, wherever it waits', async () => {
    const machine = new Machine();
    machine.pausesLeft = 1;
    machine.formats = [1];
    await expect(machine.boot()).rejects.toBe(END);
  });
});
