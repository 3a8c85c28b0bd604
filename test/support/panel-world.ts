/** A made-up world of the panel: one small node of this machine, one large elsewhere, hostile texts. */
import type {
  PanelInstance,
  PanelInstanceDetail,
  PanelNode,
  PanelOverview,
  PanelPartition,
  PanelPartitionDetail,
  PanelSeries,
} from '../../src/panel/api.ts';
import type { Consumption, PromiseStatus } from '../../src/status/model.ts';

/** HTML, terminal escapes, text turned around, characters that are not seen. */
export const HOSTILE =
  '<img src=x onerror="window.owned=1">\u001b[2J\u202egnp.exe\u2066\u200b\u0007<script>window.owned=1</script>';
export const LONG_WORD = 'Donaudampfschifffahrtsgesellschaftskapitän'.repeat(4);
export const KVM = 'https://example.org/slapos/software/kvm/software.cfg';
export const HELLO = '/opt/slapos/examples/hello/software.cfg';
const NOW = Date.now();

export function consumptionOf(seed: number): Consumption {
  return {
    atMs: Date.now(),
    cpu: (seed % 7) / 10,
    rssBytes: (20 + (seed % 90)) * 1024 * 1024,
    processes: 3,
    threads: 12,
    readBytesPerS: (seed % 5) * 4096,
    writeBytesPerS: (seed % 11) * 9000,
    netInBytesPerS: (seed % 13) * 700,
    netOutBytesPerS: (seed % 3) * 12_000,
    diskBytes: 1024 * 1024 * seed,
  };
}

function partition(index: number, change: Partial<PanelPartition> = {}): PanelPartition {
  return {
    reference: `slappart${index}`,
    isFree: false,
    instance: `SOFTINST-${index}`,
    addresses: [`10.0.${index >> 8}.${index & 255}`, `2001:db8:5a::${index.toString(16)}`],
    report: '#access Instance correctly started',
    services: { running: 3, failed: 0, all: 3 },
    promises: { failed: 0, all: 4 },
    consumption: consumptionOf(index),
    ...change,
  };
}

function instance(index: number, change: Partial<PanelInstance> = {}): PanelInstance {
  return {
    reference: `SOFTINST-${index}`,
    title: `instance ${index}`,
    requestedBy: '',
    softwareUrl: KVM,
    softwareType: 'default',
    isShared: false,
    requestedState: 'started',
    computerId: 'COMP-1',
    partition: `slappart${index}`,
    report: '#access Instance correctly started',
    ...change,
  };
}

const ODD: Readonly<Record<number, Partial<PanelPartition>>> = {
  1: { services: { running: 1, failed: 2, all: 3 }, report: '#error services do not run' },
  2: { promises: { failed: 1, all: 4 }, report: `#error ${HOSTILE}` },
  4: { services: { running: 0, failed: 0, all: 2 } },
};
const FREE: Partial<PanelPartition> = {
  isFree: true,
  instance: '',
  report: '',
  services: { running: 0, failed: 0, all: 0 },
  promises: { failed: 0, all: 0 },
  consumption: null,
};

/** @param partitions of the node of this machine */
export function makeOverview(partitions: number): PanelOverview {
  const used = Math.max(6, Math.floor(partitions * 0.9));
  const local: PanelNode = {
    computerId: 'COMP-1',
    isLocal: true,
    lastContactMs: NOW - 42_000,
    report: '#access all is well',
    problems: [],
    partitions: Array.from({ length: partitions }, (_, index) =>
      partition(index, index < used ? ODD[index] : FREE),
    ),
  };
  return {
    takenAtMs: Date.now(),
    nodes: [local, remoteNode()],
    instances: makeInstances(used),
    software: makeSoftware(),
  };
}

function remoteNode(): PanelNode {
  const none = { services: null, promises: null, consumption: null };
  return {
    computerId: 'COMP-far',
    isLocal: false,
    lastContactMs: NOW - 3 * 86_400_000,
    report: '#access nothing new',
    problems: [],
    partitions: [0, 1, 2].map((index) =>
      partition(index, { ...FREE, ...none, addresses: [`192.0.2.${index}`] }),
    ),
  };
}

function makeInstances(used: number): PanelInstance[] {
  const special: readonly Partial<PanelInstance>[] = [
    { title: 'web shop' },
    { title: 'database', requestedBy: 'SOFTINST-0', softwareType: 'mariadb' },
    { title: HOSTILE, softwareType: HOSTILE },
    { title: LONG_WORD, requestedBy: 'SOFTINST-1', softwareUrl: HELLO },
    { title: 'batch', requestedState: 'stopped', softwareUrl: HELLO },
    { title: 'frontend', requestedBy: 'SOFTINST-0' },
  ];
  const rest = Array.from({ length: used }, (_, index) => instance(index, special[index]));
  return [
    ...rest,
    instance(9000, { title: 'waits', partition: '', computerId: '', report: '' }),
    instance(9001, { title: 'old', requestedState: 'destroyed', partition: '' }),
    instance(9002, {
      title: 'site',
      isShared: true,
      requestedBy: 'SOFTINST-0',
      partition: 'slappart5',
    }),
  ];
}

function makeSoftware() {
  const base = { computerId: 'COMP-1', requestedState: 'available', report: '' };
  return [
    { ...base, url: KVM, state: 'available', report: '#access software release available' },
    { ...base, url: HELLO, state: 'building' },
    {
      ...base,
      url: 'https://example.org/slapos/software/broken/software.cfg',
      state: 'error',
      report: '#error gcc: internal compiler error',
    },
    { ...base, url: 'javascript:window.owned=1', state: '', report: HOSTILE },
  ];
}

export function makeInstanceDetail(found: PanelInstance): PanelInstanceDetail {
  return {
    ...found,
    parameters: {
      serialisation: 'json',
      values: { port: 8080, [HOSTILE]: HOSTILE, nested: { a: [1, 2] } },
    },
    connection: {
      serialisation: 'xml',
      values: {
        url: 'https://[2001:db8:5a::2]:8443/shop',
        'admin-password': 'correct horse',
        script: 'javascript:window.owned=1',
        certificate: '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n',
      },
    },
  };
}

function promise(title: string, failed: boolean, ageMs: number, message: string): PromiseStatus {
  return { title, hasFailed: failed, message, atMs: Date.now() - ageMs, executionS: 0.4 };
}

export function makePartitionDetail(reference: string): PanelPartitionDetail {
  const promises = [
    promise('check-url', false, 20_000, 'https://[2001:db8:5a::2]:8443/ answers 200'),
    promise('disk-space', true, 60_000, `3 % left of 20 GiB\n${HOSTILE}`),
    promise(`long-${LONG_WORD}`, false, 60_000, LONG_WORD),
    promise('of-no-time', true, -9e18, 'its clock is beyond all dates'),
  ];
  const history = Array.from({ length: 24 }, (_, index) =>
    promise('disk-space', index > 17, (24 - index) * 60_000, index > 17 ? '3 % left' : 'all right'),
  );
  const service = { pid: null, startedAtMs: null, stoppedAtMs: null, exitStatus: null };
  return {
    partition: {
      reference,
      path: `/srv/slapgrid/${reference}`,
      user: 'slapuser0',
      uid: 20001,
      instance: null,
      services: [
        {
          ...service,
          name: 'nginx-on-watch',
          state: 'RUNNING',
          pid: 4711,
          startedAtMs: NOW - 7_200_000,
          reason: '',
        },
        {
          ...service,
          name: 'mariadb',
          state: 'FATAL',
          reason: 'Exited too quickly (process log may have details)',
        },
        {
          ...service,
          name: 'backup',
          state: 'EXITED',
          exitStatus: 0,
          stoppedAtMs: NOW - 600_000,
          reason: '',
        },
        { ...service, name: HOSTILE, state: 'BACKOFF', reason: HOSTILE },
      ],
      promises,
      consumption: consumptionOf(3),
    },
    history: {
      'disk-space': [promise('disk-space', true, -9e18, 'beyond all dates'), ...history.slice(1)],
      'check-url': history.map((one) => ({ ...one, hasFailed: false })),
    },
    logs: ['nginx-on-watch.log', 'mariadb.log', 'promise.log'],
  };
}

export function makeSeries(name: string, sinceMs: number): PanelSeries {
  const timesMs = Array.from(
    { length: 60 },
    (_, i) => Math.max(sinceMs, Date.now() - 3_600_000) + i * 60_000,
  );
  const wave = (base: number) => timesMs.map((_, i) => base * (1.2 + Math.sin(i / 5)));
  return {
    partition: name,
    resolution: 'minute',
    timesMs,
    values: {
      cpu: wave(0.3),
      rssBytes: wave(80 * 1024 * 1024),
      readBytesPerS: wave(20_000),
      writeBytesPerS: wave(70_000),
      netInBytesPerS: wave(9_000),
      netOutBytesPerS: wave(30_000),
    },
  };
}

export const SCHEMA = {
  type: 'object',
  required: ['port', 'mode'],
  additionalProperties: false,
  properties: {
    port: { $ref: '#/definitions/port' },
    mode: {
      type: 'string',
      enum: ['fast', 'safe'],
      title: 'Mode',
      description: 'How careful it is.',
    },
    verbose: { type: 'boolean', default: false, description: 'Write more.' },
    ratio: { type: 'number', minimum: 0, maximum: 1, default: 0.5 },
    greeting: { type: 'string', maxLength: 40, default: 'hello' },
    names: { type: 'array', items: { type: 'string', minLength: 1 }, maxItems: 3, title: 'Names' },
    disk: {
      type: 'object',
      title: 'Disk',
      required: ['size'],
      properties: {
        size: { type: 'integer', title: 'Size in GiB', minimum: 1 },
        fast: { type: 'boolean' },
      },
    },
    backend: {
      title: 'Backend',
      oneOf: [
        { type: 'string', title: 'An address' },
        {
          type: 'object',
          title: 'A pool',
          required: ['count'],
          properties: { count: { type: 'integer' } },
        },
      ],
    },
    self: { $ref: '#' },
  },
  definitions: {
    port: { type: 'integer', title: 'Port', minimum: 1024, maximum: 65535, description: HOSTILE },
  },
};
