/** XML: of the SLAP protocol, of instances, of the supervisor, of reports. */
import { decodeStateLines } from '../../../src/format/state-lines.ts';
import { parseComputerXml } from '../../../src/format/stored-computer.ts';
import { decodeComputer, encodeComputer } from '../../../src/grid/computer-json.ts';
import { HttpProblem } from '../../../src/proxy/http-problem.ts';
import { checkExtent } from '../../../src/proxy/marshal-bounds.ts';
import { parsePartitionReport } from '../../../src/report/consumption.ts';
import {
  parseAddressPairs,
  parseAnswer,
  parseCertificate,
  parseComputer,
  parsePartition,
  parseRequestAnswer,
  parseStatus,
  parseTexts,
} from '../../../src/slap/answers.ts';
import { decodeInstanceXml, encodeInstanceXml } from '../../../src/slap/instance-xml.ts';
import { encodeMarshal } from '../../../src/slap/marshal.ts';
import { decodeMarshal } from '../../../src/slap/unmarshal.ts';
import {
  decodeCall,
  decodeReply,
  encodeCall,
  encodeReply,
  encodeValue,
  RpcFault,
  RpcSyntaxError,
  type RpcValue,
} from '../../../src/supervisor/rpc/xml-rpc.ts';
import {
  decodeOrRefuse,
  ensure,
  ensureSame,
  type FuzzTarget,
  gives,
  textTarget,
} from '../driver/target.ts';

const SLAP_XML = ['SLAPOS_ERR_SLAP_XML'];
const PROTOCOL = ['SLAPOS_ERR_MASTER_PROTOCOL', 'SLAPOS_ERR_SLAP_XML'];

const COMPUTER = `<?xml version='1.0' encoding='UTF-8'?>
<marshal><object id="i2" module="slapos.slap.slap" class="Computer"><tuple><string>COMP-1</string></tuple><dictionary id="i3"><string>_computer_id</string><string>COMP-1</string><string>_computer_partition_list</string><list id="i4"><object id="i5" module="slapos.slap.slap" class="ComputerPartition"><tuple><string>COMP-1</string><string>slappart0</string></tuple><dictionary id="i6"><string>_partition_id</string><string>slappart0</string><string>_need_modification</string><int>1</int><string>_parameter_dict</string><dictionary id="i7"><string>ip_list</string><list id="i8"><tuple><string/><string>10.0.0.1</string></tuple></list><string>timestamp</string><float>1.5</float></dictionary><string>_requested_state</string><string>started</string><string>_software_release_document</string><none/></dictionary></object></list><string>_software_release_list</string><list id="i9"><reference id="i4"/></list></dictionary></object></marshal>
`;
const SCALARS =
  '<marshal><list id="i2"><int>1</int><long>123456789012345678901</long><bool>1</bool><float>1e3</float><unicode>é&#10;</unicode><tuple><none/></tuple><dictionary id="i3"><tuple><int>1</int></tuple><reference id="i2"/></dictionary></list></marshal>';

/** The same document with something that only the thorough reader takes. */
const slowly = (text: string): string => `${text}<!---->`;

/** Whether a value is a tree that can be written out: references may hold themselves. */
function isWritable(value: Parameters<typeof checkExtent>[0]): boolean {
  try {
    checkExtent(value, 'it');
    return true;
  } catch (error) {
    ensure(error instanceof HttpProblem, `checkExtent: ${error}`);
    return false;
  }
}

/** In JSON, where controls and halves of pairs are escaped; and numbers that may have over 32 bits. */
const BEYOND_XML = /\\(?:u[0-9a-f]{4}|b|f)|[\ufffe\uffff]|\d{10}/;

const STATE = `<marshal>
  <dictionary id="i2">
    <string>address</string>
    <string>2001:db8::1</string>
    <string>netmask</string>
    <none/>
    <string>partition_list</string>
    <list id="i3">
      <dictionary id="i4">
        <string>reference</string>
        <string>slappart0</string>
        <string>path</string>
        <string>/srv/slapgrid/slappart0</string>
        <string>user</string>
        <dictionary id="i5">
          <string>name</string>
          <string>slapuser0</string>
        </dictionary>
        <string>address_list</string>
        <list id="i6">
          <dictionary id="i7">
            <string>addr</string>
            <string>2001:db8::2</string>
            <string>netmask</string>
            <string>ffff:ffff:ffff:ffff::</string>
          </dictionary>
        </list>
        <string>tap</string>
        <dictionary id="i8">
          <string>name</string>
          <string>slaptap0</string>
          <string>ipv6_addr</string>
          <string/>
        </dictionary>
        <string>tun</string>
        <none/>
        <string>ipv6_range</string>
        <dictionary id="i9">
          <string>network</string>
          <string>2001:db8:1::/80</string>
        </dictionary>
        <string>capability_list</string>
        <list id="i10"/>
      </dictionary>
    </list>
  </dictionary>
</marshal>
`;

export const targets: readonly FuzzTarget[] = [
  textTarget({
    name: 'marshal-xml',
    shape: 'xml',
    seeds: [COMPUTER, SCALARS],
    run(text) {
      const value = decodeOrRefuse(() => decodeMarshal(text), SLAP_XML);
      const slow = decodeOrRefuse(() => decodeMarshal(slowly(text)), SLAP_XML);
      ensure(
        (value === undefined) === (slow === undefined),
        'the fast and the thorough reader differ',
      );
      if (value === undefined || slow === undefined || !isWritable(value)) return;
      const written = decodeOrRefuse(() => encodeMarshal(value), SLAP_XML);
      if (written === undefined) return;
      ensureSame(encodeMarshal(slow), written, 'what the thorough reader gives');
      ensureSame(encodeMarshal(decodeMarshal(written)), written, 'written again');
    },
  }),
  textTarget({
    name: 'master-answers',
    shape: 'xml',
    seeds: [COMPUTER, COMPUTER.replaceAll('ComputerPartition', 'SoftwareInstance')],
    words: [
      'SoftwareInstance',
      '_parameter_dict',
      '_filter_dict',
      '_connection_dict',
      'connection_xml',
    ],
    run(text) {
      const value = decodeOrRefuse(() => parseAnswer(Buffer.from(text), 'The answer'), PROTOCOL);
      if (value === undefined || !isWritable(value)) return;
      const computer = decodeOrRefuse(() => parseComputer(value), PROTOCOL);
      if (computer !== undefined) {
        const json = gives(() => encodeComputer(computer), [RangeError]);
        if (json !== undefined) ensureSame(encodeComputer(decodeComputer(json)), json, 'kept');
      }
      for (const parse of [parsePartition, parseRequestAnswer, parseAddressPairs]) {
        decodeOrRefuse<unknown>(() => parse(value), PROTOCOL);
      }
      for (const parse of [parseTexts, parseCertificate, parseStatus]) {
        decodeOrRefuse<unknown>(() => parse(value), PROTOCOL);
      }
    },
  }),
  textTarget({
    name: 'instance-xml',
    shape: 'xml',
    seeds: [
      `<?xml version='1.0' encoding='utf-8'?>\n<instance>\n  <parameter id="a">b</parameter>\n  <parameter id="_">{"x": 1}</parameter>\n</instance>\n`,
      '<instance><parameter id="a">b<!-- c -->d</parameter><parameter id="a"><![CDATA[x]]></parameter></instance>',
    ],
    run(text) {
      const found = decodeOrRefuse(() => decodeInstanceXml(text), SLAP_XML);
      if (found === undefined) return;
      const given = Object.fromEntries(
        Object.entries(found).map(([key, value]) => [key, value ?? '']),
      );
      const again = decodeOrRefuse(() => decodeInstanceXml(encodeInstanceXml(given)), SLAP_XML);
      ensure(again !== undefined, 'what was read cannot be written');
      ensureSame(Object.entries(again).sort(), Object.entries(found).sort(), 'read again');
    },
  }),
  textTarget({
    name: 'slapos-xml',
    shape: 'xml',
    seeds: [STATE],
    run(text) {
      const path = '/opt/slapos/slapos.xml';
      decodeOrRefuse(() => parseComputerXml(text, path), ['SLAPOS_ERR_STATE_FILE']);
      const fast = decodeStateLines(text);
      if (fast === undefined) return;
      const thorough = decodeOrRefuse(() => decodeMarshal(text));
      ensure(
        thorough !== undefined ||
          /[^\t\n\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]|\]\]>/u.test(text),
        'only the fast reader takes it',
      );
      if (thorough !== undefined)
        ensureSame(JSON.stringify(fast), JSON.stringify(thorough), 'what the fast reader gives');
    },
  }),
  textTarget({
    name: 'xml-rpc-call',
    shape: 'xml',
    seeds: [
      encodeCall('supervisor.startProcess', [
        'a:b',
        true,
        1,
        -1.5,
        null,
        [{ methodName: 'x', params: [] }],
      ]),
      '<methodCall><methodName>m</methodName><params><param><value><base64>aGk=</base64></value></param><param><value><dateTime.iso8601>20261120T10:00:00</dateTime.iso8601></value></param></params></methodCall>',
    ],
    run(text) {
      const call = gives(() => decodeCall(text), [RpcSyntaxError]);
      if (call === undefined) return;
      // Base64 holds what XML does not, and is told as U+FFFD.
      if (BEYOND_XML.test(JSON.stringify(call))) return;
      ensureSame(decodeCall(encodeCall(call.method, call.params)), call, 'read again');
    },
  }),
  textTarget({
    name: 'xml-rpc-reply',
    shape: 'xml',
    seeds: [
      encodeReply(encodeValue([{ name: 'a', pid: 1 } as unknown as RpcValue])),
      '<methodResponse><fault><value><struct><member><name>faultCode</name><value><int>10</int></value></member><member><name>faultString</name><value>BAD_NAME</value></member></struct></value></fault></methodResponse>',
    ],
    run(text) {
      const value = gives(() => decodeReply(text), [RpcSyntaxError, RpcFault]);
      if (value === undefined || BEYOND_XML.test(JSON.stringify(value))) return;
      ensureSame(decodeReply(encodeReply(encodeValue(value))), value, 'read again');
    },
  }),
  {
    name: 'partition-report',
    shape: 'xml',
    seeds: [
      `<?xml version='1.0' encoding='utf-8'?><consumption><movement><resource>service_module/cpu_consumption</resource><title>CPU</title><reference>slappart0</reference><quantity>1.5</quantity><price>0.0</price><VAT>None</VAT><category>None</category></movement></consumption>`,
    ],
    run(input) {
      const found = parsePartitionReport(input);
      if (typeof found === 'string') {
        ensure(found !== '' && found.length < 1000, 'the reason is long');
        return;
      }
      for (const { fields } of found) ensure(fields.length > 0, 'a movement of nothing');
    },
  },
];
