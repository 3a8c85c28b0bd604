import { expect, it } from 'vitest';
import { isIpv4Network } from '../../../src/model/ipv4-network.ts';

it.each(['10.0.0.1', '10.0.0.0/8', '0.0.0.0/0', '10.0.0.1/32', '10.0.0.0/255.128.0.0'])(
  'takes %s',
  (text) => expect(isIpv4Network(text)).toBe(true),
);

it.each([
  ...['', '10.0.0', '10.0.0.256', '010.0.0.1', '10.0.0.1/33', '10.0.0.1/', '10.0.0.1/8/8'],
  ...['10.0.0.1/8;id', '10.0.0.1/$(id)', '10.0.0.1/8 -j ACCEPT', '10.0.0.1\n', ' 10.0.0.1'],
  ...['10.0.0.0/255.0.255.0', '10.0.0.1/-1', '10.0.0.1/+8', '::1', 'localhost', '-d'],
])('refuses %j', (text) => expect(isIpv4Network(text)).toBe(false));
