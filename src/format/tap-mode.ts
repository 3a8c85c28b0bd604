/** How taps are connected (design: routed is upstream 1.24, bridged its predecessors). Pure. */
import { PlanError } from '../errors/slapos-error.ts';
import type { NetworkView } from './network-view.ts';
import type { FormatOptions } from './options.ts';

/** The kernel refuses the 1024th port of a bridge with EXFULL (BR_MAX_PORTS). */
export const BRIDGE_PORTS = 1023;

/**
 * `auto` bridges only where taps would be of no use otherwise: the interface is a bridge, taps get
 * no IPv6 range and no gateway.
 * @throws PlanError SLAPOS_ERR_PLAN_CONFLICT when `bridged` is asked for and cannot be.
 */
export function effectiveTapMode(
  options: FormatOptions,
  network: NetworkView,
): 'none' | 'routed' | 'bridged' {
  if (!options.hasTaps || !options.isNetworkAltered) return 'none';
  if (options.tapMode === 'routed') return 'routed';
  const isBridge = network.link(options.interfaceName ?? '')?.kind === 'bridge';
  if (options.tapMode === 'bridged') {
    refuseUnbridgeable(options, isBridge);
    return 'bridged';
  }
  const isUseless = !options.isTapIpv6 && options.tapGatewayInterface === '';
  return isBridge && isUseless ? 'bridged' : 'routed';
}

function refuseUnbridgeable(options: FormatOptions, isBridge: boolean): void {
  const problem = isBridge
    ? options.tapGatewayInterface !== '' && 'tap_gateway_interface is for routed taps'
    : `${options.interfaceName} is no bridge`;
  if (problem === false) return;
  throw new PlanError('SLAPOS_ERR_PLAN_CONFLICT', `tap_mode = bridged is impossible: ${problem}.`, {
    hint: 'Set tap_mode = routed, or name a bridge with interface_name.',
    ...(isBridge ? {} : { context: { device: options.interfaceName } }),
  });
}
