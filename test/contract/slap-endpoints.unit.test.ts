/**
 * The XML API, row by row of spec/slap-protocol.md 4.1, 4.2 and spec/proxy.md 5 to 8 and 13: the
 * real server on a socket, with a real database. Each row is called as it should be, then with each
 * of its fields missing, empty, unknown or with SQL in it, and with another HTTP method.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { READ_ROUTES } from '../../src/proxy/routes-read.ts';
import { WRITE_ROUTES } from '../../src/proxy/routes-write.ts';
import { encodeMarshal } from '../../src/slap/marshal.ts';
import { MarshalObject, MarshalTuple, type MarshalValue } from '../../src/slap/marshal-value.ts';
import { decodeMarshal } from '../../src/slap/unmarshal.ts';
import { CHILD, FREE, NODE, ROOT, startWorld, type World } from '../support/contract-world.ts';
import { computerDocument, requestFields, SOFTWARE } from '../support/proxy-fixture.ts';

type Fields = Readonly<Record<string, string>>;

interface Row {
  readonly path: string;
  readonly fields: Fields;
  /** Fields without which it is a 400; all others may be missing. */
  readonly required: readonly string[];
  /** A text, or a marshalled value. */
  readonly answer: string | { readonly marshalled: unknown };
  /** What becomes of an unknown computer, partition, address…: a status, 200 when not said. */
  readonly unknown?: Readonly<Record<string, number>>;
}

const object = (className: string, attributes: object) => ({
  marshalled: expect.objectContaining({
    className,
    attributes: expect.objectContaining(attributes),
  }),
});
const marshalled = (value: unknown) => ({ marshalled: value });
const SUPPLY = { url: SOFTWARE, ...NODE };
const PARTITION = ['computer_id', 'computer_partition_id'];
const KEY = { computer_reference: 'COMP-1', computer_partition_reference: 'slappart0' };
const NO_DATA = { no_data: 1, state: '', user: 'SlapOS Master' };
const CERTIFICATE = marshalled({ certificate: '', key: '' });

const GET: readonly Row[] = [
  ...['getFullComputerInformation', 'getComputerInformation'].map((path) => ({
    path,
    fields: NODE,
    required: ['computer_id'],
    unknown: { computer_id: 404 },
    answer: object('Computer', { _computer_id: 'COMP-1' }),
  })),
  {
    path: 'registerComputerPartition',
    fields: KEY,
    required: Object.keys(KEY),
    unknown: { computer_reference: 404, computer_partition_reference: 404 },
    answer: object('ComputerPartition', { _partition_id: 'slappart0', _need_modification: 1 }),
  },
  {
    path: 'getComputerPartitionCertificate',
    fields: ROOT,
    required: [],
    answer: CERTIFICATE,
  },
  {
    path: 'getHostingSubscriptionIpList',
    fields: ROOT,
    required: PARTITION,
    unknown: { computer_id: 404, computer_partition_id: 404 },
    answer: marshalled(
      ['tap0 10.0.1.0', 'tap0 fd00::0', 'tap1 10.0.1.1', 'tap1 fd00::1'].map((pair) => {
        return new MarshalTuple(pair.split(' '));
      }),
    ),
  },
  {
    path: 'getComputerStatus',
    fields: NODE,
    required: ['computer_id'],
    unknown: { computer_id: 404 },
    answer: marshalled(
      expect.objectContaining({
        text: '#access COMP-1',
        reference: 'COMP-1',
        portal_type: 'Compute Node',
        no_data_since_5_minutes: 0,
        no_data_since_15_minutes: 0,
      }),
    ),
  },
  {
    path: 'getComputerPartitionStatus',
    fields: ROOT,
    required: PARTITION,
    unknown: { computer_id: 404, computer_partition_id: 404 },
    answer: marshalled(
      expect.objectContaining({
        ...NO_DATA,
        text: '#error no data found for COMP-1-slappart0',
        portal_type: 'Software Instance',
      }),
    ),
  },
  {
    path: 'getSoftwareInstallationStatus',
    fields: SUPPLY,
    required: ['url', 'computer_id'],
    unknown: { url: 404, computer_id: 404 },
    answer: marshalled(
      expect.objectContaining({ ...NO_DATA, portal_type: 'Software Installation' }),
    ),
  },
  {
    path: 'getSoftwareReleaseListFromSoftwareProduct',
    fields: { software_product_reference: 'kvm' },
    required: ['software_product_reference'],
    answer: marshalled(['https://example.com/kvm.cfg']),
  },
  { path: 'getHateoasUrl', fields: {}, required: [], answer: 'URL/hateoas/' },
  {
    path: 'getRunId',
    fields: {},
    required: [],
    answer: expect.stringMatching(/^[A-Za-z0-9]{32}$/),
  },
];

const CONNECTION = encodeMarshal({ url: 'http://[fd00::1]/' });
const REQUEST = {
  ...requestFields({ partition_reference: 'root', partition_parameter_xml: { p: '1' } }),
  ...CHILD,
};

const POST: readonly Row[] = [
  {
    path: 'loadComputerConfigurationFromXML',
    fields: { xml: computerDocument(3) },
    required: ['xml'],
    unknown: { xml: 400 },
    answer: 'done',
  },
  {
    path: 'supplySupply',
    fields: { ...SUPPLY, state: 'available' },
    required: ['url', 'computer_id', 'state'],
    unknown: { state: 400 },
    answer: `Supplied '${SOFTWARE}' to be available`,
  },
  ...['buildingSoftwareRelease', 'availableSoftwareRelease'].map((path) => ({
    path,
    fields: SUPPLY,
    required: [],
    answer: 'Ignored',
  })),
  {
    path: 'destroyedSoftwareRelease',
    fields: SUPPLY,
    required: ['url', 'computer_id'],
    answer: 'OK',
  },
  {
    path: 'softwareReleaseError',
    fields: { ...SUPPLY, error_log: 'log' },
    required: [],
    answer: 'Ignored',
  },
  ...['startedComputerPartition', 'stoppedComputerPartition'].map((path) => ({
    path,
    fields: ROOT,
    required: [],
    answer: 'Ignored',
  })),
  { path: 'destroyedComputerPartition', fields: CHILD, required: PARTITION, answer: 'OK' },
  {
    path: 'softwareInstanceError',
    fields: { ...ROOT, error_log: 'log', slave_reference: 'None' },
    required: [],
    answer: 'Ignored',
  },
  {
    path: 'softwareInstanceBang',
    fields: { ...ROOT, message: 'm' },
    required: [...PARTITION, 'message'],
    answer: 'OK',
  },
  {
    path: 'softwareInstanceRename',
    fields: { ...ROOT, new_name: 'other' },
    required: [...PARTITION, 'new_name'],
    answer: 'done',
  },
  {
    path: 'setComputerPartitionConnectionXml',
    fields: { ...ROOT, connection_xml: CONNECTION, slave_reference: 'None' },
    required: [...PARTITION, 'connection_xml'],
    unknown: { connection_xml: 400 },
    answer: 'done',
  },
  {
    path: 'updateComputerPartitionRelatedInstanceList',
    fields: { ...ROOT, instance_reference_xml: encodeMarshal(['child']) },
    required: [...PARTITION, 'instance_reference_xml'],
    unknown: { instance_reference_xml: 400 },
    answer: 'OK',
  },
  {
    path: 'requestComputerPartition',
    fields: REQUEST,
    required: ['software_release', 'software_type', 'partition_reference', 'state'],
    unknown: {
      computer_id: 404,
      computer_partition_id: 404,
      // The row before it has taken the last free partition.
      partition_reference: 404,
      partition_parameter_xml: 400,
      filter_xml: 400,
      state: 400,
      shared_xml: 400,
    },
    answer: object('SoftwareInstance', {
      slap_computer_partition_id: 'slappart2',
      _requested_state: 'started',
      _instance_guid: 'COMP-1-slappart2',
      slap_software_release_url: SOFTWARE,
      slap_software_type: 'default',
      slap_server_url: 'slap_server_url',
      connection_xml: null,
    }),
  },
  {
    path: 'useComputer',
    fields: { ...NODE, use_string: '<consumption/>' },
    required: [],
    answer: 'Ignored',
  },
  {
    path: 'computerBang',
    fields: { ...NODE, message: 'm' },
    required: [],
    answer: marshalled(''),
  },
  {
    path: 'requestComputer',
    fields: { computer_title: 'COMP-2' },
    required: ['computer_title'],
    answer: marshalled(
      new MarshalObject('Computer', ['COMP-2'], dictionary({ _computer_id: 'COMP-2' })),
    ),
  },
  {
    path: 'generateComputerCertificate',
    fields: NODE,
    required: ['computer_id'],
    answer: CERTIFICATE,
  },
  { path: 'revokeComputerCertificate', fields: NODE, required: ['computer_id'], answer: 'None' },
];

function dictionary(entries: Readonly<Record<string, MarshalValue>>) {
  return Object.assign(Object.create(null) as object, entries);
}

let world: World;
beforeEach(async () => {
  world = await startWorld();
});
afterEach(() => world.close());

async function send(method: string, path: string, fields: Fields) {
  const text = new URLSearchParams(fields).toString();
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const response =
    method === 'POST'
      ? await fetch(world.url + path, { method, headers, body: text })
      : await fetch(`${world.url}${path}?${text}`, { method });
  return {
    status: response.status,
    type: response.headers.get('content-type') ?? '',
    allow: response.headers.get('allow'),
    body: await response.text(),
  };
}

const without = (fields: Fields, name: string): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([key]) => key !== name));

describe.each([
  ['GET', GET, 'POST'],
  ['POST', POST, 'GET'],
] as const)('%s', (method, rows, otherMethod) => {
  describe.each(rows)('$path', ({ path, fields, required, answer, unknown = {} }) => {
    test('answers', async () => {
      const { status, type, body } = await send(method, path, fields);
      expect([status, body]).toEqual([200, expect.anything()]);
      if (typeof answer === 'object' && 'marshalled' in answer) {
        expect(type).toBe('text/xml; charset=utf-8');
        expect(body).toMatch(/^<marshal>[\x20-\x7e]*<\/marshal>$/);
        expect(decodeMarshal(body)).toEqual(answer.marshalled);
      } else {
        expect(type).toBe('text/plain; charset=utf-8');
        expect(body.replace(world.url, 'URL/')).toEqual(answer);
      }
    });

    test('wants its fields, all of them and no others', async () => {
      for (const name of Object.keys(fields)) {
        const before = await world.content();
        const { status, body } = await send(method, path, without(fields, name));
        if (!required.includes(name)) {
          expect([path, name, status]).toEqual([path, name, 200]);
          continue;
        }
        expect([name, status, body]).toEqual([name, 400, expect.stringContaining(name)]);
        expect(await world.content()).toBe(before);
        const isMarshalled =
          name.includes('xml') || (name === 'state' && path.startsWith('request'));
        if (name !== 'message' && name !== 'software_type' && !isMarshalled) {
          const empty = await send(method, path, { ...fields, [name]: '' });
          expect([name, empty.status]).toEqual([name, 400]);
        }
      }
    });

    test('knows what it does not know', async () => {
      for (const name of Object.keys(fields)) {
        const before = await world.content();
        const { status, body } = await send(method, path, { ...fields, [name]: 'nope' });
        expect([name, status]).toEqual([name, unknown[name] ?? 200]);
        if (status === 200) continue;
        expect(body).toMatch(/\w+ .*\w/);
        expect(await world.content()).toBe(before);
      }
    });

    test('takes SQL for text', async () => {
      const partitions = () => world.store.read((tables) => tables.listPartitions('COMP-1'));
      const titles = async () => (await partitions()).map((row) => row.reference);
      const before = await titles();
      for (const name of Object.keys(fields)) {
        for (const sql of ["'; DROP TABLE partition17; --", '" OR 1=1; DELETE FROM slave17; --']) {
          const { status } = await send(method, path, { ...fields, [name]: sql });
          expect([name, [200, 400, 404].includes(status)]).toEqual([name, true]);
        }
      }
      expect(await titles()).toEqual(before);
      const { status } = await send('GET', 'getFullComputerInformation', NODE);
      expect(status).toBe(200);
    });

    test(`is not for ${otherMethod}`, async () => {
      const before = await world.content();
      const { status, allow, body } = await send(otherMethod, path, fields);
      expect([status, allow, body]).toEqual([405, method, `/${path} is only for ${method}.\n`]);
      expect(await world.content()).toBe(before);
    });
  });
});

test('HEAD is GET without a body', async () => {
  for (const { path, fields } of GET) {
    const { status, body } = await send('HEAD', path, fields);
    expect([path, status, body]).toEqual([path, 200, '']);
  }
});

test('every endpoint of the specification has a row, and every row an endpoint', () => {
  const paths = (rows: readonly Row[]) => rows.map(({ path }) => `/${path}`).sort();
  expect(paths(GET)).toEqual(Object.keys(READ_ROUTES).sort());
  expect(paths(POST)).toEqual(Object.keys(WRITE_ROUTES).sort());
});

test('a free partition', async () => {
  const key = { computer_reference: 'COMP-1', computer_partition_reference: 'slappart2' };
  const { body } = await send('GET', 'registerComputerPartition', key);
  expect((decodeMarshal(body) as MarshalObject).attributes).toEqual(
    dictionary({
      _computer_id: 'COMP-1',
      _instance_guid: 'COMP-1-slappart2',
      _need_modification: 0,
      _partition_id: 'slappart2',
      _request_dict: null,
      _requested_state: 'destroyed',
      _software_release_document: null,
    }),
  );
  expect((await send('POST', 'destroyedComputerPartition', FREE)).body).toBe('OK');
});
