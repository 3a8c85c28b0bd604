import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  chooseBase,
  firstAddress,
  isGlobalScope,
  lastAddress,
  partitionAddress,
  subRange,
  tapIpv4Pool,
  tunIpv4,
} from '../../../src/format/address.ts';
import {
  ipv4Network,
  ipv6Network,
  isSameIpv6Network,
  parseIpv4,
  parseIpv4Netmask,
  parseIpv6,
  renderIpv4,
  renderIpv4Netmask,
  renderIpv6,
  renderIpv6Netmask,
} from '../../../src/model/ip-address.ts';

/** Added to the prefix by upstream's gateway formula whatever the configured shift (spec/format.md 11). */
const UPSTREAM_GATEWAY_SHIFT = 16;

type Vector = Readonly<Record<string, unknown>> & { readonly kind: string };

const vectors = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../fixtures/format-vectors.json'), 'utf8'),
) as Vector[];

function ipv6(text: unknown): bigint {
  const value = parseIpv6(String(text));
  if (value === null) throw new Error(`not an IPv6 address: ${text}`);
  return value;
}

function ipv4(text: unknown): number {
  const value = parseIpv4(String(text));
  if (value === null) throw new Error(`not an IPv4 address: ${text}`);
  return value;
}

/**
 * What upstream takes for the first address: it appends the digit 1 to the text of the network.
 * Equal to {@link firstAddress} up to /112, wrong or undefined beyond.
 */
function upstreamFirstAddress(address: bigint, prefixLength: number): bigint | undefined {
  return parseIpv6(`${renderIpv6(ipv6Network(address, prefixLength))}1`) ?? undefined;
}

function withError(value: unknown, key: string): Record<string, unknown> {
  return typeof value === 'string' ? { [key]: null, [`${key}_error`]: value } : { [key]: value };
}

function rangePart(vector: Vector) {
  const range = rangeOf(vector, 'partition');
  if (typeof range === 'string') return withError(range, 'range');
  const addr = renderIpv6(range.address);
  const { prefixLength: prefixlen } = range;
  const netmask = renderIpv6Netmask(prefixlen);
  return { range: { addr, prefixlen, netmask, network: `${addr}/${prefixlen}` } };
}

function rangeOf(vector: Vector, owner: 'partition' | 'tap' | 'tun') {
  return subRange(
    {
      address: ipv6(vector['interface_addr']),
      prefixLength: Number(vector['interface_prefixlen']),
    },
    Number(vector['prefixshift']),
    owner,
    Number(vector['partition_index']),
  );
}

function tapPart(vector: Vector) {
  const range = rangeOf(vector, 'tap');
  if (typeof range === 'string') return withError(range, 'tap');
  const address = lastAddress(range);
  const gatewayLength = Number(vector['interface_prefixlen']) + UPSTREAM_GATEWAY_SHIFT;
  const gateway = upstreamFirstAddress(address, gatewayLength);
  const tap = {
    addr: renderIpv6(address),
    prefixlen: range.prefixLength,
    netmask: renderIpv6Netmask(range.prefixLength),
  };
  if (gateway === undefined) {
    return { tap: { ...tap, gateway: null, network: null, gateway_error: 'invalid-gateway-text' } };
  }
  const text = renderIpv6(gateway);
  const inRange = isSameIpv6Network(gateway, address, range.prefixLength);
  return {
    tap: { ...tap, gateway: text, network: `${text}/${gatewayLength}`, gateway_in_range: inRange },
  };
}

function tunPart(vector: Vector) {
  const range = rangeOf(vector, 'tun');
  if (typeof range === 'string') return withError(range, 'tun');
  const { prefixLength: prefixlen } = range;
  const tun = {
    range_addr: renderIpv6(range.address),
    prefixlen,
    netmask: renderIpv6Netmask(prefixlen),
  };
  const address = upstreamFirstAddress(range.address, prefixlen);
  if (address === undefined) {
    return { tun: { ...tun, addr: null, network: null, addr_error: 'invalid-gateway-text' } };
  }
  const addr = renderIpv6(address);
  return { tun: { ...tun, addr, network: `${addr}/${prefixlen}` } };
}

const compute: Record<string, (vector: Vector) => Record<string, unknown>> = {
  ipv6(vector) {
    const prefixLength = Number(vector['interface_prefixlen']);
    const base = { address: ipv6(vector['interface_addr']), prefixLength };
    return {
      address: renderIpv6(partitionAddress(base, Number(vector['partition_index']))),
      address_netmask: renderIpv6Netmask(prefixLength),
      ...rangePart(vector),
      ...tapPart(vector),
      ...tunPart(vector),
    };
  },
  tun4(vector) {
    const tun = tunIpv4(Number(vector['partition_index']), Number(vector['partition_amount']));
    const [addr, netmask] = [renderIpv4(tun.address), renderIpv4Netmask(tun.prefixLength)];
    return { ipv4_addr: addr, ipv4_netmask: netmask, ipv4_network: `${addr}/${netmask}` };
  },
  tap4(vector) {
    const prefixLength = parseIpv4Netmask(String(vector['gateway_netmask'])) ?? Number.NaN;
    const gateway = { address: ipv4(vector['gateway_addr']), prefixLength };
    const pool = tapIpv4Pool(gateway, Number(vector['partition_amount']));
    const network = { ipv4_network: renderIpv4(ipv4Network(gateway.address, prefixLength)) };
    if (pool === undefined) return { ...network, addresses: null, error: 'too-small' };
    return { ...network, addresses: pool.map(renderIpv4) };
  },
  base(vector) {
    const candidates = (vector['interface_addresses'] as Array<[string, number]>).map(
      ([address, prefixLength]) => ({ address: ipv6(address), prefixLength }),
    );
    const stored = vector['stored_addr'];
    const base = chooseBase(candidates, stored === null ? undefined : ipv6(stored));
    if (base === undefined) {
      return { expected_addr: null, expected_netmask: null, error: 'no-global-address' };
    }
    return {
      expected_addr: renderIpv6(base.address),
      expected_netmask: renderIpv6Netmask(base.prefixLength),
    };
  },
  global_scope: (vector) => ({ expected: isGlobalScope(ipv6(vector['addr'])) }),
  netmask: (vector) => ({ netmask: renderIpv6Netmask(Number(vector['prefixlen'])) }),
};

describe('address vectors', () => {
  it('has all of them', () => expect(vectors).toHaveLength(196));

  it.each(vectors.map((vector, number) => [number, vector.kind, vector] as const))(
    'vector %i (%s)',
    (_number, kind, vector) => {
      expect({ ...vector, ...compute[kind]?.(vector) }).toEqual(vector);
      expect(Object.keys(compute[kind]?.(vector) ?? {}).length).toBeGreaterThan(0);
    },
  );
});

describe('first address of a network', () => {
  it('is what upstream computes up to /112', () => {
    const address = ipv6('2001:db8:1:2:3:4:5:6');
    for (let length = 0; length <= 112; length += 16) {
      expect(firstAddress(address, length)).toBe(upstreamFirstAddress(address, length));
    }
  });

  it('stays in its network beyond /112', () => {
    expect(renderIpv6(firstAddress(ipv6('2001:db8::80:1ff'), 120))).toBe('2001:db8::80:101');
  });
});
