/** What clients of the proxy and of the panel send: forms, headers, addresses, bodies. */
import { parseListen } from '../../../src/collect/daemon/interval.ts';
import { matchesTag } from '../../../src/proxy/entity-tag.ts';
import { Form } from '../../../src/proxy/form.ts';
import { HttpProblem } from '../../../src/proxy/http-problem.ts';
import { parseSender } from '../../../src/proxy/http-request.ts';
import { encodeParameters, parseRequest } from '../../../src/proxy/request-form.ts';
import { RPC_METHODS } from '../../../src/proxy/rpc.ts';
import { parseExactJson } from '../../../src/proxy/rpc-json.ts';
import { findGuid } from '../../../src/proxy/rpc-method.ts';
import { checkBody, toDictionary } from '../../../src/proxy/rpc-schema.ts';
import { parseAllowRule } from '../../../src/proxy/web/allow-list.ts';
import { parseTarget, renderProxied, resolveLocation } from '../../../src/proxy/web/http-target.ts';
import { pathSegments } from '../../../src/proxy/web/url-path.ts';
import { parseSite, parseToken } from '../../../src/register/web-request.ts';
import { decodeInstanceXml } from '../../../src/slap/instance-xml.ts';
import { parseMasterUrl, parseToldUrl } from '../../../src/slap/master-url.ts';
import { parseRetryAfter } from '../../../src/slap/retry.ts';
import {
  decodeOrRefuse,
  ensure,
  ensureSame,
  type FuzzTarget,
  gives,
  textTarget,
} from '../driver/target.ts';

const marshal = (value: string): string => encodeURIComponent(`<marshal>${value}</marshal>`);
const REQUEST = [
  'computer_id=COMP-1&computer_partition_id=slappart0&software_release=http%3A%2F%2Fx%2F&software_type=',
  'partition_reference=a',
  `shared_xml=${marshal('<bool>0</bool>')}`,
  `partition_parameter_xml=${marshal('<dictionary id="i2"><string>a</string><string>b</string></dictionary>')}`,
  `filter_xml=${marshal('<dictionary id="i2"><string>computer_guid</string><string>C</string></dictionary>')}`,
  `state=${marshal('<string>started</string>')}`,
].join('&');

/** A problem says in one line what is wrong, whatever was sent. */
function refuses<Value>(decode: () => Value): Value | undefined {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof HttpProblem)) throw error;
    ensure(error.statusCode >= 400 && error.statusCode < 500, `status ${error.statusCode}`);
    return undefined;
  }
}

export const targets: readonly FuzzTarget[] = [
  textTarget({
    name: 'proxy-form',
    shape: 'lines',
    seeds: [REQUEST],
    words: [
      '%3Cmarshal%3E',
      '%3Creference+id%3D%22i2%22%2F%3E',
      '&',
      '=',
      '%00',
      '%ud800',
      'True',
      'None',
    ],
    run(text) {
      const form = new Form(new URLSearchParams(text));
      const wanted = refuses(() => parseRequest(form));
      refuses(() => form.partition());
      refuses(() => form.optionalPartition());
      if (wanted === undefined) return;
      ensure(decodeInstanceXml(encodeParameters(wanted.parameters)) !== undefined, 'stored');
    },
  }),
  textTarget({
    name: 'json-rpc-calls',
    shape: 'json',
    seeds: [
      '{"instance_guid": "a___b___0", "reported_state": "started"}',
      '{"software_release_uri": "http://x/", "software_type": "default", "title": "a", "parameters": {"a": 1.0}, "sla_parameters": {}, "state": "started", "shared": false}',
      '{"compute_node_guid": "COMP-1", "compute_partition_list": [{"partition_id": "slappart0", "ip_list": []}]}',
    ],
    words: ['___', '___0', '___1'],
    run(text) {
      const body = gives(() => JSON.parse(text) as never, [SyntaxError]);
      if (body === undefined) return;
      for (const method of Object.values(RPC_METHODS)) {
        const checked = refuses(() => checkBody(body, method.input));
        if (checked === undefined) continue;
        if (typeof checked['instance_guid'] === 'string') findGuid(checked);
        refuses(() => toDictionary(toDictionary(parseExactJson(text))['parameters']));
      }
    },
  }),
  textTarget({
    name: 'http-headers',
    shape: 'lines',
    seeds: [
      'X-SlapPartition computer_id=A, computer_partition_id=B',
      'W/"abc", "def"',
      'Wed, 21 Oct 2026 07:28:00 GMT',
      '120',
    ],
    run(text) {
      const sender = parseSender({ authorization: text, 'x-computer-id': text });
      if (sender !== null)
        ensure(sender.computerReference !== '' && sender.reference !== '', 'who');
      matchesTag(text, '"abc"');
      const pauseMs = parseRetryAfter(text, 1_700_000_000_000);
      ensure(pauseMs === undefined || pauseMs >= 0, 'a pause');
    },
  }),
  textTarget({
    name: 'addresses-of-sites',
    shape: 'lines',
    seeds: [
      '/http_proxy/https/[::1]:8443/a?b',
      '/http_proxy/http/%5B::ffff:127.0.0.1%5D/',
      'https://slap.vifib.com/x?y#z',
      '*.example.com:443',
      '10.0.0.0/8:*',
      '[fd00::]/64',
      '127.0.0.1:9101',
      '/shacache/a%2e%2e/b',
    ],
    run(text) {
      const target = refuses(() => parseTarget(text));
      if (target !== undefined) {
        const again = parseTarget(new URL(renderProxied(target, 'http://proxy/')).pathname);
        ensureSame(
          [again.scheme, again.host, again.port],
          [target.scheme, target.host, target.port],
          'target',
        );
        resolveLocation(text, target);
      }
      for (const name of pathSegments(text, 1) ?? []) {
        ensure(name !== '..' && !/[/\0]/.test(name), `a segment ${name}`);
      }
      parseAllowRule(text);
      for (const decode of [parseMasterUrl, parseListen, (one: string) => parseSite(one, false)]) {
        decodeOrRefuse<unknown>(() => decode(text));
      }
      decodeOrRefuse(() => parseToken(text, 'The token'));
      decodeOrRefuse(() => parseToldUrl(text, new URL('https://master/a/')));
    },
  }),
];
