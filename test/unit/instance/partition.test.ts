import { describe, expect, it } from 'vitest';
import { certificatePaths } from '../../../src/instance/certificates.ts';
import { renderInstanceLogLine } from '../../../src/instance/instance-log.ts';
import {
  checkPartitionId,
  plainNumber,
  textParameter,
  timestampText,
} from '../../../src/instance/partition.ts';
import { parseTransaction, transactionFile } from '../../../src/instance/transaction.ts';
import { MarshalFloat } from '../../../src/slap/marshal-value.ts';
import { slapPartition } from '../../support/slap-partition.ts';

it('shows the beginning of a name that is none', () => {
  const message = `"${'/'.repeat(100)}" is no name of a partition`;
  expect(() => checkPartitionId('/'.repeat(100_000))).toThrow(message);
});

describe('timestampText', () => {
  it.each([
    [undefined, undefined],
    [null, undefined],
    [1_795_217_539_307_588, '1795217539307588'],
    [123_456_789_012_345_678_901n, '123456789012345678901'],
    ['1795217539.3075888', '1795217539.3075888'],
    [new MarshalFloat(12), '12.0'],
  ])('of %s', (value, text) => {
    expect(timestampText(value)).toBe(text);
  });
});

describe('plainNumber', () => {
  it('opens floats of any bundle', () => {
    expect(plainNumber(new MarshalFloat(1.5))).toBe(1.5);
    expect(plainNumber('1')).toBe('1');
    expect(plainNumber(undefined)).toBeUndefined();
  });
});

describe('checkPartitionId', () => {
  it.each(['slappart0', 'a.b_c-d', 'T-1'])('accepts %s', (id) => {
    expect(() => checkPartitionId(id)).not.toThrow();
  });

  it.each(['', '.', '..', '../x', 'a/b', '.hidden', 'a b', 'a\nb', 'a]'])('refuses %j', (id) => {
    expect(() => checkPartitionId(id)).toThrow('is no name of a partition');
  });
});

describe('textParameter', () => {
  it('gives text only', () => {
    const wish = slapPartition({ parameters: { slap_software_type: 'kvm', n: 1 } });
    expect(textParameter(wish, 'slap_software_type')).toBe('kvm');
    expect(textParameter(wish, 'n')).toBeUndefined();
    expect(textParameter(slapPartition({ parameters: null }), 'n')).toBeUndefined();
  });
});

describe('small files of a partition', () => {
  it('reads transactions', () => {
    expect(parseTransaction('a\n\n b \n')).toEqual(['a', 'b']);
    expect(transactionFile('p')).toBe('.slapos-request-transaction-p');
  });

  it('knows where certificates are', () => {
    expect(certificatePaths(undefined, 'p')).toEqual({ keyFile: '', certFile: '' });
    expect(certificatePaths('/r', 'p')).toEqual({ keyFile: '/r/p.key', certFile: '/r/p.crt' });
  });

  it('writes the line of instance.log', () => {
    const now = new Date(2026, 10, 20, 23, 32, 12, 470);
    expect(renderInstanceLogLine(now, 'INFO', 'Processing Computer Partition slappart0.')).toBe(
      '[2026-11-20 23:32:12,470] INFO     slapos Processing Computer Partition slappart0.\n',
    );
  });
});
