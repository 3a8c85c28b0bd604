/** Compares our marshalling and Python texts with xml_marshaller and Python themselves. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { pythonFloat } from '../../src/model/python-number.ts';
import { encodeInstanceXml } from '../../src/slap/instance-xml.ts';
import { encodeMarshal } from '../../src/slap/marshal.ts';
import type { MarshalValue } from '../../src/slap/marshal-value.ts';
import { pythonRepr, pythonStringRepr } from '../../src/slap/python-text.ts';
import { decodeMarshal } from '../../src/slap/unmarshal.ts';
import { marshalValues, xmlTexts } from '../support/marshal-values.ts';
import { findPeerPython, runPython } from '../support/peer-python.ts';

const peer = findPeerPython('xml_marshaller.xml_marshaller, lxml.etree');
const name = 'reason' in peer ? ` (skipped: ${peer.reason})` : '';
const python = 'python' in peer ? peer.python : '';

const ROUND_TRIP = `
import json, sys
from xml_marshaller import xml_marshaller
from lxml import etree
result = []
for text in json.load(sys.stdin):
  value = xml_marshaller.loads(text.encode())
  again = xml_marshaller.dumps(value)
  pretty = etree.tostring(etree.fromstring(again), pretty_print=True)
  result.append([again.decode(), repr(value), pretty.decode()])
json.dump(result, sys.stdout)
`;

test.skipIf(name !== '')(`values written by us are the same bytes from Python${name}`, () => {
  const values = fc.sample(marshalValues(), 2000);
  const texts = values.map((value) => encodeMarshal(value));
  const answers = runPython(python, ROUND_TRIP, texts) as Array<[string, string, string]>;
  values.forEach((value, index) => {
    const [again, repr, pretty] = answers[index] ?? ['', '', ''];
    expect(again).toBe(texts[index]);
    expect(repr).toBe(pythonRepr(value));
    expect(decodeMarshal(again)).toEqual(value);
    expect(encodeMarshal(value, { indent: true })).toBe(pretty);
  });
});

const TEXTS = `
import json, sys
given = json.load(sys.stdin)
json.dump([[repr(t) for t in given['texts']], [str(float(f)) for f in given['floats']]], sys.stdout)
`;

test.skipIf(name !== '')(`repr() of strings and str() of floats are Python's${name}`, () => {
  const texts = fc.sample(xmlTexts(), 3000);
  const floats = fc.sample(fc.double({ noNaN: true, noDefaultInfinity: true }), 3000);
  const given = {
    texts,
    floats: floats.map((value) => (Object.is(value, -0) ? '-0.0' : String(value))),
  };
  const [reprs, numbers] = runPython(python, TEXTS, given) as [string[], string[]];
  expect(texts.map((text) => pythonStringRepr(text))).toEqual(reprs);
  expect(floats.map((value) => pythonFloat(value))).toEqual(numbers);
});

const INSTANCE = `
import json, sys
from slapos.util import dict2xml, xml2dict
result = []
for parameters in json.load(sys.stdin):
  text = dict2xml(parameters)
  result.append([text.decode() if isinstance(text, bytes) else text, xml2dict(text)])
json.dump(result, sys.stdout)
`;

const hasSlapos = python !== '' && !('reason' in findPeerPython('slapos.util'));
test.skipIf(!hasSlapos)(
  `instance XML is upstream's${hasSlapos ? '' : ' (skipped: no slapos.core)'}`,
  () => {
    const values = fc.dictionary(
      xmlTexts(),
      fc.oneof(xmlTexts(), fc.boolean(), fc.integer(), fc.constant(null), fc.array(xmlTexts())),
    );
    const documents = fc.sample(values, 1000) as Array<Record<string, MarshalValue>>;
    const answers = runPython(python, INSTANCE, documents) as Array<[string, unknown]>;
    documents.forEach((parameters, index) => {
      expect(encodeInstanceXml(parameters)).toBe(answers[index]?.[0]);
    });
  },
);
