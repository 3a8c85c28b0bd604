/** Our XML-RPC codec against Python's xmlrpc.client, both ways, on values of every kind. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeCall,
  decodeReply,
  encodeCall,
  encodeFault,
  encodeReply,
  encodeValue,
  isRpcFault,
  type RpcValue,
} from '../../src/supervisor/rpc/xml-rpc.ts';
import { findPeerPython, runPython } from '../support/peer-python.ts';

/** Reads documents that we wrote, and writes the same values itself. */
const PROGRAM = `
import json, sys, xmlrpc.client as x

def answer(text):
    try:
        return {'values': x.loads(text)[0]}
    except x.Fault as fault:
        return {'fault': [fault.faultCode, fault.faultString]}

given = json.load(sys.stdin)
json.dump([{
    'call': [list(x.loads(each['call'])[0]), x.loads(each['call'])[1]],
    'reply': answer(each['reply']),
    'fault': answer(each['fault']),
    'theirCall': x.dumps((each['value'],), 'supervisor.method'),
    'theirReply': x.dumps((each['value'],), methodresponse=True),
    'theirFault': x.dumps(x.Fault(7, each['text'])),
} for each in given], sys.stdout)
`;

interface Seen {
  readonly call: [unknown[], string];
  readonly reply: { readonly values?: unknown[]; readonly fault?: unknown };
  readonly fault: { readonly fault?: unknown };
  readonly theirCall: string;
  readonly theirReply: string;
  readonly theirFault: string;
}

// XML 1.0 has no place for most control characters, and a bare CR is read as a line end.
const TEXT = fc
  .string({ unit: 'grapheme', maxLength: 30 })
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is left out
  .map((text) => text.replace(/[\u0000-\u0008\u000b-\u001f\ufffe\uffff]/g, ''));

const VALUE: fc.Arbitrary<RpcValue> = fc.letrec<{ value: RpcValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    TEXT,
    fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((each) => !Number.isInteger(each)),
    fc.boolean(),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(
      TEXT.filter((key) => key !== '__proto__'),
      tie('value'),
      { maxKeys: 4 },
    ),
  ),
})).value;

const peer = findPeerPython('xmlrpc.client');
const plain = (value: unknown) => JSON.parse(JSON.stringify(value)) as unknown;

describe.skipIf('reason' in peer)(
  `XML-RPC codec${'reason' in peer ? ` [skipped: ${peer.reason}]` : ''}`,
  () => {
    it('reads what Python writes, and Python reads what we write', () => {
      const samples = fc.sample(fc.tuple(VALUE, TEXT), 500);
      const given = samples.map(([value, text]) => ({
        value,
        text,
        call: encodeCall('supervisor.method', [value, text]),
        reply: encodeReply(encodeValue(value)),
        fault: encodeFault(7, text),
      }));
      const python = 'python' in peer ? peer.python : '';
      const seen = runPython(python, PROGRAM, given) as Seen[];
      for (const [index, [value, text]] of samples.entries()) {
        const each = seen[index] as Seen;
        expect(each.call).toEqual([[plain(value), text], 'supervisor.method']);
        expect(each.reply).toEqual({ values: [plain(value)] });
        expect(each.fault).toEqual({ fault: [7, text] });
        expect(decodeCall(each.theirCall)).toEqual({
          method: 'supervisor.method',
          params: [plain(value)],
        });
        expect(plain(decodeReply(each.theirReply))).toEqual(plain(value));
        expect(faultOf(each.theirFault)).toEqual([7, text]);
      }
    });
  },
);

function faultOf(text: string): unknown {
  try {
    return decodeReply(text);
  } catch (error) {
    if (!isRpcFault(error)) throw error;
    return [error.faultCode, error.message];
  }
}
