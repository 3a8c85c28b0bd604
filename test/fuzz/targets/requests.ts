/** Series of whole HTTP requests, at the proxy, its panel and the supervisor, each a real server. */
import { READ_ROUTES } from '../../../src/proxy/routes-read.ts';
import { WRITE_ROUTES } from '../../../src/proxy/routes-write.ts';
import { RPC_METHODS } from '../../../src/proxy/rpc.ts';
import { encodeMarshal } from '../../../src/slap/marshal.ts';
import { decodeMarshal } from '../../../src/slap/unmarshal.ts';
import {
  decodeReply,
  encodeCall,
  RpcFault,
  type RpcValue,
} from '../../../src/supervisor/rpc/xml-rpc.ts';
import { TOKEN } from '../../support/panel-scene.ts';
import { computerDocument, requestFields } from '../../support/proxy-fixture.ts';
import {
  ensureAnswer,
  joinRequests,
  type RawAnswer,
  splitRequests,
} from '../driver/raw-exchange.ts';
import { ensure, type FuzzTarget, gives } from '../driver/target.ts';
import { CONTENT, CONTENT_SHA512, ProxyScene } from '../scenes/proxy-scene.ts';
import { SupervisorScene } from '../scenes/supervisor-scene.ts';

const PARTITION = 'computer_id=COMP-1&computer_partition_id=slappart0';
const QUERIES: Readonly<Record<string, string>> = {
  '/getSoftwareInstallationStatus':
    'url=https%3A%2F%2Fexample.com%2Fsoftware.cfg&computer_id=COMP-1',
  '/getSoftwareReleaseListFromSoftwareProduct': 'software_product_reference=kvm',
  '/registerComputerPartition': 'computer_reference=COMP-1&computer_partition_reference=slappart0',
};
const FORM = {
  computer_id: 'COMP-1',
  computer_partition_id: 'slappart0',
  computer_title: 'node',
  connection_xml: encodeMarshal({ url: 'http://x/' }),
  error_log: 'it broke',
  instance_reference_xml: encodeMarshal(['a']),
  message: 'm',
  new_name: 'other',
  slave_reference: '_shared',
  software_release: 'https://example.com/software.cfg',
  state: 'available',
  url: 'https://example.com/software.cfg',
  xml: computerDocument(2),
};
const BODY = {
  compute_node_guid: 'COMP-1',
  compute_partition_id: 'slappart0',
  compute_partition_list: [{ partition_id: 'slappart0', ip_list: [{ 'ip-address': '10.0.0.1' }] }],
  computer_guid: 'COMP-1',
  connection_parameter_dict: { a: 1.5 },
  instance_guid: 'COMP-1___slappart0',
  message: 'm',
  parameters: { a: 'b' },
  reported_state: 'started',
  shared: false,
  sla_parameters: {},
  software_release_uri: 'https://example.com/software.cfg',
  software_type: 'default',
  state: 'started',
  title: 'root',
};

const form = (path: string, fields: Readonly<Record<string, string>>): string =>
  `POST ${path}\nContent-Type: application/x-www-form-urlencoded\n\n${new URLSearchParams(fields)}`;
const json = (path: string, body: unknown, more = ''): string =>
  `POST ${path}\nContent-Type: application/json\n${more}\n${JSON.stringify(body)}`;

const READS = Object.keys(READ_ROUTES).map((path) => `GET ${path}?${QUERIES[path] ?? PARTITION}`);
const CALLS = Object.entries(RPC_METHODS).map(([name, { input }]) => {
  const wanted = Object.entries(BODY).filter(([key]) => Object.hasOwn(input, key));
  return json(`/${name}`, Object.fromEntries(wanted));
});
/** What must be answered whatever was stored. */
const LOOKS: readonly string[] = [
  'GET /getFullComputerInformation?computer_id=COMP-1',
  'GET /getComputerStatus?computer_id=COMP-1',
  'GET /getHostingSubscriptionIpList?computer_id=COMP-1&computer_partition_id=slappart0',
  'GET /hateoas?mode=search&query=portal_type:%22Instance%20Tree%22%20AND%20validation_state:validated',
  json('/slapos.allDocs.v0.compute_node_instance_list', { computer_guid: 'COMP-1' }),
  json('/slapos.allDocs.v0.instance_tree_list', {}),
  'GET /panel/api/overview',
];

const PROXY_HEADERS = new Set(
  `accept-ranges access-control-allow-origin allow cache-control connection content-disposition
   content-encoding content-length content-range content-security-policy content-type date etag keep-alive
   last-modified location referrer-policy retry-after set-cookie transfer-encoding vary
   x-accel-buffering x-content-type-options x-frame-options cross-origin-opener-policy
   cross-origin-resource-policy permissions-policy www-authenticate`.split(/\s+/),
);
/** Of paths that are off, of disks and of addresses that cannot be reached. */
const PROXY_STATUSES = new Set([502, 503, 504]);

function checkLook(text: string, answer: RawAnswer, said: readonly string[]): void {
  ensureAnswer(answer, { statuses: new Set(), headers: PROXY_HEADERS }, said);
  const isThere = answer.status < 300 || answer.status === 404;
  ensure(isThere, `${text} is answered ${answer.status} after what was stored: ${answer.body}`);
  if (answer.status !== 200) return;
  if (/content-type: text\/xml/i.test(answer.head)) decodeMarshal(textOf(answer));
  else if (/content-type: application\/json/i.test(answer.head)) JSON.parse(textOf(answer));
}

const textOf = ({ body }: RawAnswer): string => Buffer.from(body, 'latin1').toString('utf8');

let scene: Promise<ProxyScene> | undefined;

/** Refusals change nothing, and what is stored can be read. */
async function runRequests(input: Uint8Array): Promise<void> {
  scene ??= ProxyScene.start();
  const proxy = await scene;
  let hasChanged = false;
  try {
    for (const text of splitRequests(input)) {
      const answer = await proxy.ask(text);
      ensureAnswer(answer, { statuses: PROXY_STATUSES, headers: PROXY_HEADERS }, proxy.takeSaid());
      const changes = proxy.hasChanged();
      ensure(!changes || answer.status < 400, `refused (${answer.status}), and yet it changed`);
      hasChanged ||= changes;
    }
    for (const text of hasChanged ? LOOKS : []) {
      checkLook(text, await proxy.ask(text), proxy.takeSaid());
    }
  } finally {
    await proxy.reset();
  }
}

async function closeProxy(): Promise<void> {
  const open = scene;
  scene = undefined;
  await (await open)?.close();
}

const requests = { shape: 'lines', run: runRequests, close: closeProxy } as const;

const SUPERVISOR_HEADERS = new Set([
  ...['connection', 'content-length', 'content-type', 'date', 'last-modified'],
  ...['transfer-encoding', 'www-authenticate', 'x-accel-buffering'],
]);

let supervisor: Promise<SupervisorScene> | undefined;

/** Whatever was asked, the supervisor answers the next one, and its notes say what it is. */
async function runCalls(input: Uint8Array): Promise<void> {
  supervisor ??= SupervisorScene.start();
  const scene = await supervisor;
  await scene.reset();
  for (const text of splitRequests(input)) {
    const answer = await scene.ask(text);
    const said = scene.takeSaid();
    // A body that is announced too long, or one too many at a time.
    ensureAnswer(answer, { statuses: new Set([503]), headers: SUPERVISOR_HEADERS }, said);
    if (!answer.head.includes('text/xml')) continue;
    gives(() => decodeReply(textOf(answer)), [RpcFault]);
  }
  scene.check();
}

async function closeSupervisor(): Promise<void> {
  const open = supervisor;
  supervisor = undefined;
  await (await open)?.close();
}

const rpc = (method: string, ...params: readonly RpcValue[]): string =>
  `POST /RPC2\nContent-Type: text/xml\n\n${encodeCall(method, params)}`;
const NAMED = [
  'startProcess',
  'stopProcess',
  'getProcessInfo',
  'startProcessGroup',
  'addProcessGroup',
];
const PARTS = ['readProcessStdoutLog', 'tailProcessLog', 'readProcessStderrLog'];

export const targets: readonly FuzzTarget[] = [
  {
    name: 'requests-supervisor',
    shape: 'xml',
    run: runCalls,
    close: closeSupervisor,
    seeds: [
      ...NAMED.map((name) => rpc(`supervisor.${name}`, 'g:a')),
      ...PARTS.map((name) => rpc(`supervisor.${name}`, 'g:a', -10, 0)),
      rpc('supervisor.stopProcessGroup', 'g', false),
      rpc('supervisor.signalProcess', 'g:a', 'HUP'),
      rpc('supervisor.signalAllProcesses', '9'),
      rpc('supervisor.readLog', 0, 100),
      rpc('supervisor.sendRemoteCommEvent', 'type', 'data'),
      rpc('supervisor.sendProcessStdin', 'g:a', 'text'),
      rpc('slapos.applyUpdate', ['g', 'h']),
      rpc('slapos.getChanges', 'x'),
      rpc('slapos.getUsage', ['g:a']),
      rpc('slapos.upgrade', '/bin/x', ['a']),
      rpc('system.multicall', [
        { methodName: 'supervisor.stopAllProcesses', params: [] },
        { methodName: 'supervisor.removeProcessGroup', params: ['g'] },
      ]),
      rpc('system.methodSignature', 'supervisor.clearLog'),
      joinRequests(
        rpc('supervisor.startProcess', 'g:b', true),
        rpc('supervisor.stopProcess', 'g:b', true),
        rpc('supervisor.shutdown'),
        rpc('supervisor.getAllProcessInfo'),
      ),
      'GET /logtail/g:a/stdout',
      'GET /mainlogtail',
      'GET /\nAuthorization: Basic dTpw',
    ],
    words: [
      ...['getAllConfigInfo', 'clearProcessLogs', 'reloadConfig', 'listMethods', 'restart'],
      ...[
        '<nil/>',
        '<boolean>1</boolean>',
        '<int>-1</int>',
        '<value><array><data></data></array></value>',
      ],
    ],
  },
  {
    ...requests,
    name: 'requests-slap',
    seeds: [
      ...READS,
      ...Object.keys(WRITE_ROUTES)
        .filter((path) => path !== '/requestComputerPartition')
        .map((path) => form(path, FORM)),
      joinRequests(
        form('/requestComputerPartition', requestFields({ partition_parameter_xml: { p: 'v' } })),
        form(
          '/requestComputerPartition',
          requestFields({
            shared_xml: true,
            computer_id: 'COMP-1',
            computer_partition_id: 'slappart0',
          }),
        ),
        form('/destroyedComputerPartition', FORM),
      ),
      'GET /hateoas?mode=traverse&relative_url=hateoas/partitions/root&view=view',
      'GET /hateoas/partitions/root\nX-Forwarded-Prefix: /a\nIf-None-Match: "x"',
    ],
    words: [PARTITION, 'X-computer-id: COMP-1\nX-computer-partition-id: slappart0\n', '%00', '%ff'],
  },
  {
    ...requests,
    name: 'requests-json-rpc',
    seeds: [...CALLS, joinRequests(...CALLS.slice(-5))],
    words: Object.keys(BODY),
  },
  {
    ...requests,
    name: 'requests-web',
    seeds: [
      `GET /shacache/cache/${CONTENT_SHA512}\nRange: bytes=2-5`,
      `GET /shacache/cache/${CONTENT_SHA512}\nRange: bytes=-3\nIf-Range: "${CONTENT_SHA512}"`,
      `PUT /shacache/cache/${CONTENT_SHA512}\n\n${CONTENT}`,
      'POST /shacache/cache\nTransfer-Encoding: chunked\n\n3\r\nabc\r\n0\r\n\r\n',
      'PUT /shacache/dir/key\nContent-Type: application/json\n\n["{\\"sha512\\": \\"x\\"}", "c2ln"]',
      joinRequests('GET /shacache/dir/key', 'POST /shacache/update', 'GET /shacache/dir/key'),
      'GET /panel/public/a.txt\nIf-Modified-Since: Wed, 21 Oct 2026 07:28:00 GMT\nRange: bytes=0-',
      'HEAD /panel/public/a.txt\nRange: bytes=1-2,4-',
      'GET /http_proxy/http/127.0.0.1/',
      'OPTIONS /http_proxy/http/127.0.0.1/\nOrigin: http://localhost',
      'GET /\nX-Forwarded-Prefix: /a/b',
    ],
    words: ['Range: bytes=', '/shacache/dir/', '%2e%2e', '%2f', 'Transfer-Encoding: chunked'],
  },
  {
    ...requests,
    name: 'requests-panel',
    seeds: [
      'GET /panel/api/overview\nAccept-Encoding: gzip',
      'GET /panel/api/instance?reference=SOFTINST-0',
      'GET /panel/api/partition?computer=COMP-1&partition=slappart0',
      'GET /panel/api/log?partition=slappart0&name=a.log',
      'GET /panel/api/series?partition=slappart0&since=0',
      'GET /panel/api/schema?url=https%3A%2F%2Fexample.com%2Fsoftware.cfg&type=default&shared=1',
      json(
        '/panel/api/request',
        { title: 't', software_url: 'https://example.com/software.cfg', parameters: {} },
        'X-Slapos-Panel: 1\n',
      ),
      json('/panel/api/state', { reference: 'root', state: 'stopped' }, 'X-Slapos-Panel: 1\n'),
      json(
        '/panel/api/service',
        { partition: 'slappart0', name: 'a', action: 'restart' },
        'X-Slapos-Panel: 1\n',
      ),
      `POST /panel/login\nContent-Type: application/x-www-form-urlencoded\n\ntoken=${TOKEN}`,
      `GET /panel/\nHost: example.com\nAuthorization: Bearer ${TOKEN}\nVia: x`,
      'GET /panel/\nHost: example.com\nCookie: slapos_panel=x; a=b',
      'HEAD /panel/api/events',
    ],
    words: ['X-Slapos-Panel: 1\n', 'Content-Type: application/json\n', 'SOFTINST-0', 'Cookie: '],
  },
];
