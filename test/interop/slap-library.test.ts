/**
 * Upstream's slap library, as recipes, consoles and tests use it: every public method of its classes,
 * REST client included, called against our proxy and against upstream's comes to the same.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findInteropPython } from '../support/interop-release.ts';
import { RealNode, type Side } from '../support/real-node.ts';

const peer = findInteropPython();
const python = 'python' in peer ? peer.python : '';
const note = 'reason' in peer ? ` [skipped: ${peer.reason}]` : '';
const PROGRAM = join(import.meta.dirname, '../support/slap-library.py');
const PORTS = { ours: 5410, upstream: 5411 } as const;

const raised = (name: string, status: number | null = null) => ['raised', name, status];
const NOT_FOUND = raised('slapos.NotFoundError');
const BAD_REQUEST = raised('requests.HTTPError', 400);
const NAMED = { 'renamed slave': expect.anything() };
const addresses = (...indexes: readonly number[]) => [
  'list',
  ...indexes.flatMap((index) => [
    ['tuple', `tap${index}`, `10.0.1.${index}`],
    ['tuple', `tap${index}`, `fd00::${index}`],
  ]),
];
/** What upstream's proxy answers, with these attributes in addition or instead. */
const but = (attributes: object) => (upstream: unknown) => {
  const [kind, known] = upstream as readonly [string, object];
  return [kind, { ...known, ...attributes }];
};
const withSelf = (upstream: unknown) => {
  const { _links: links } = upstream as { readonly _links: object };
  return { _links: { ...links, self: { href: 'http://master/hateoas/' } } };
};
/** Upstream's has the names of its fields mixed up. */
const computerForm = {
  data: { reference: 'COMP-1', title: 'COMP-1', portal_type: 'Compute Node' },
  form_data: {
    form_id: { key: ['list', 'form_id'], default: 'ComputeNode_viewAsHateoas' },
    reference: { key: 'field_my_reference', default: 'COMP-1' },
    title: { key: 'field_my_title', default: 'COMP-1' },
  },
};

/** Where ours answers otherwise on purpose (docs/proxy.md), with what it answers. */
const DECIDED: ReadonlyArray<readonly [RegExp, unknown]> = [
  [/^a supply of no computer$|in a wrong state$/, BAD_REQUEST],
  [/^releases like another$/, ['list', 'https://example.com/kvm.cfg']],
  // Upstream's server fails.
  [
    /^slappart9 get(InstanceGuid|State|Type|InstanceParameterDict|ConnectionParameterDict|SoftwareRelease)$/,
    NOT_FOUND,
  ],
  [/^COMP-9 get(SoftwareRelease|ComputerPartition)List$|^no computer by/, NOT_FOUND],
  // Upstream's server has no such address.
  [/^slappart[023] getFullHostingIpAddressList$/, addresses(0, 2, 3)],
  [/^slappart1 getFullHostingIpAddressList$/, addresses(1)],
  [/^slappart5 getFullHostingIpAddressList$/, ['list']],
  [/ related$|^related by requests$|^COMP-. revokeCertificate$/, null],
  [/^COMP-. generateCertificate$/, { certificate: '', key: '' }],
  [/^a computer by order$/, ['Computer', { _computer_id: 'COMP-1' }]],
  [/^COMP-1 getStatus$/, expect.objectContaining({ reference: 'COMP-1', text: '#access COMP-1' })],
  [/^no REST address$/, expect.objectContaining(NAMED)],
  // Upstream says that they were started.
  [/^the renamed$/, but({ _requested_state: 'stopped' })],
  // Upstream does not say.
  [/^slave destroyed$/, but({ _requested_state: 'destroyed' })],
  [/^(child )?slave$|^slave once more$/, but({ _requested_state: 'started' })],
  // As a Master calls it.
  [/^COMP-1 getInformation$/, but({ _portal_type: 'Compute Node' })],
  [/^REST \/hateoas\/computers\/COMP-1$/, computerForm],
  [
    /^REST view of \/hateoas\/computers\/COMP-1$/,
    expect.objectContaining({ _links: { type: { name: 'Compute Node' } } }),
  ],
  // The link to itself is what clients resolve others from.
  [/^REST (root|site|GET|by address)$/, withSelf],
  [/token$/, NOT_FOUND],
];

interface Told {
  readonly told: ReadonlyArray<readonly [string, unknown]>;
  readonly uncalled: readonly string[];
}

describe.skipIf(note !== '')(`the slap library${note}`, () => {
  let nodes: Record<Side, RealNode>;
  let told: Record<Side, Told>;

  beforeAll(async () => {
    nodes = { ours: prepare('ours'), upstream: prepare('upstream') };
    // Ours begins with a database of upstream's, so that rows have the same columns.
    await Promise.all([nodes.ours.startProxy('upstream'), nodes.upstream.startProxy('upstream')]);
    await nodes.ours.stopProxy();
    await nodes.ours.startProxy('ours');
    const [ours, upstream] = await Promise.all([tell('ours'), tell('upstream')]);
    told = { ours, upstream };
  });
  afterAll(async () => {
    await Promise.all(Object.values(nodes ?? {}).map((node) => node.remove()));
  });

  it('has every public method called', () => {
    expect(told.upstream.uncalled).toEqual([]);
    expect(told.upstream.told.length).toBeGreaterThan(250);
  });

  it('comes to the same by both proxies, but for what was decided', () => {
    const titles = ({ told: steps }: Told) => steps.map(([title]) => title);
    expect(titles(told.ours)).toEqual(titles(told.upstream));
    for (const [index, [title, ours]] of told.ours.told.entries()) {
      const upstream = told.upstream.told[index]?.[1];
      const [, decided] = DECIDED.find(([pattern]) => pattern.test(title)) ?? [];
      const isDecided = DECIDED.some(([pattern]) => pattern.test(title));
      const wanted = typeof decided === 'function' ? decided(upstream) : decided;
      if (isDecided) expect.soft([title, upstream]).not.toEqual([title, wanted]);
      expect.soft([title, ours]).toEqual([title, isDecided ? wanted : upstream]);
    }
  });
});

function prepare(side: Side): RealNode {
  return new RealNode({
    folder: `/srv/library-${side}`,
    port: PORTS[side],
    python,
    slapproxy: { software_product_list: '\n  kvm https://example.com/kvm.cfg' },
  });
}

async function tell(side: Side): Promise<Told> {
  const url = `http://127.0.0.1:${PORTS[side]}/`;
  const options = { cwd: `/srv/library-${side}`, maxBuffer: 1 << 24 };
  const { stdout } = await promisify(execFile)(python, [PROGRAM, url], options);
  const text = stdout.replaceAll(url, 'http://master/').replace(/\b\d{10}(\.\d+)?\b/g, '0');
  return JSON.parse(text) as Told;
}
