/** IPv4 networks as text, strictly. Pure. */
import { IPV4_BITS, parseIpv4 } from './ip-address.ts';

/**
 * Whether a text is an IPv4 address, alone or with a prefix length (`10.0.0.0/8`) or netmask
 * (`10.0.0.0/255.0.0.0`), and nothing else.
 */
export function isIpv4Network(text: string): boolean {
  const [address = '', mask, ...rest] = text.split('/');
  if (parseIpv4(address) === null || rest.length > 0) return false;
  if (mask === undefined) return true;
  return /^\d{1,2}$/.test(mask) ? Number(mask) <= IPV4_BITS : isNetmask(mask);
}

/** Ones, then zeros. */
function isNetmask(text: string): boolean {
  const mask = parseIpv4(text);
  if (mask === null) return false;
  const inverse = ~mask >>> 0;
  return (inverse & (inverse + 1)) === 0;
}
