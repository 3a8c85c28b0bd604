import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeCall,
  decodeReply,
  encodeCall,
  encodeFault,
  encodeReply,
  encodeValue,
  RpcFault,
  type RpcValue,
} from '../../../../src/supervisor/rpc/xml-rpc.ts';
import { xmlTexts } from '../../../support/marshal-values.ts';

function values(): fc.Arbitrary<RpcValue> {
  return fc.letrec<{ value: RpcValue }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      xmlTexts(),
      fc.boolean(),
      fc.constant(null),
      fc.integer(),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(xmlTexts(), tie('value'), { maxKeys: 3 }),
    ),
  })).value;
}

describe('xml-rpc', () => {
  it('reads what it writes', () => {
    fc.assert(
      fc.property(fc.array(values(), { maxLength: 3 }), (params) => {
        expect(decodeCall(encodeCall('a.b', params))).toEqual({ method: 'a.b', params });
      }),
    );
    fc.assert(
      fc.property(values(), (value) => {
        expect(decodeReply(encodeReply(encodeValue(value)))).toEqual(value);
      }),
    );
  });

  it('accepts calls without params, bare text, i4, base64, dates', () => {
    expect(decodeCall('<methodCall><methodName> a.b </methodName></methodCall>')).toEqual({
      method: 'a.b',
      params: [],
    });
    const param = (value: string) => `<param><value>${value}</value></param>`;
    const text =
      '<?xml version="1.0"?><methodCall><methodName>m</methodName><params>' +
      param('bare &amp; text') +
      param('<i4>-5</i4>') +
      param('<base64>aGk=</base64>') +
      param('<double>1.5</double>') +
      param('<dateTime.iso8601>20261120T10:00:00</dateTime.iso8601>') +
      '</params></methodCall>';
    expect(decodeCall(text).params).toEqual(['bare & text', -5, 'hi', 1.5, '20261120T10:00:00']);
  });

  it('throws faults', () => {
    const fault = new RpcFault(10, 'BAD_NAME: x');
    expect(() => decodeReply(encodeFault(10, 'BAD_NAME: x'))).toThrow(fault);
  });

  it('caps numbers to 32 bits and replaces what XML cannot carry', () => {
    expect(encodeValue(2 ** 40)).toBe('<value><int>2147483647</int></value>');
    expect(encodeValue('a\u0000\ud800b')).toBe('<value><string>a\ufffd\ufffdb</string></value>');
  });

  it('refuses what is not a call', () => {
    for (const text of ['', 'junk', '<methodCall/>', '<x/>', '<methodCall><methodName>a']) {
      expect(() => decodeCall(text)).toThrow();
    }
  });
});
