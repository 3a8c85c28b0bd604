/** The kernel's part of a plan, for those who do the same by other means. Pure. */

import type { Step } from '../../src/format/step.ts';
import type { NetlinkOperation } from '../../src/host/network/native-network.ts';

const IFA_F_NODAD = 0x02;
const IFA_F_NOPREFIXROUTE = 0x200;
const MAIN_TABLE = 254;
const UNICAST = 1;

/** Lines of bench/native/format-floor.c. */
export function renderForFloor(steps: readonly Step[]): string {
  return render(steps, (name, mode, uid) => `${mode} ${name} ${uid}`, floorLine);
}

/** Commands of `ip`, as `ip -batch` reads them. */
export function renderForIp(steps: readonly Step[]): string {
  const device = (name: string, mode: string, uid: number) =>
    `tuntap add dev ${name} mode ${mode} user ${uid}`;
  return render(steps, device, ipLine);
}

function render(
  steps: readonly Step[],
  device: (name: string, mode: string, uid: number) => string,
  change: (operation: NetlinkOperation) => string,
): string {
  const lines = steps.flatMap((step) => {
    if (step.kind === 'deviceCreate') return [device(step.name, step.mode, step.owner.uid)];
    if (step.kind !== 'link' && step.kind !== 'address' && step.kind !== 'route') return [];
    return [change(step.change)];
  });
  return `${lines.join('\n')}\n`;
}

function floorLine(operation: NetlinkOperation): string {
  const { op } = operation;
  if (op === 'linkSet' && isPlainUp(operation)) return `link ${operation.dev} ${operation.group}`;
  if (op === 'addrAdd') {
    const { dev, address, prefixLength, isNodad, isNoPrefixRoute } = operation;
    const flags = (isNodad ? IFA_F_NODAD : 0) | (isNoPrefixRoute ? IFA_F_NOPREFIXROUTE : 0);
    return `address ${dev} ${address} ${prefixLength} ${flags}`;
  }
  if (op !== 'routeAdd') throw notOfFirstRun(operation);
  const { dev, destination, prefixLength, gateway } = operation;
  const { table = MAIN_TABLE, type = UNICAST } = operation;
  return `route ${dev} ${destination} ${prefixLength} ${gateway || '-'} ${table} ${type}`;
}

function ipLine(operation: NetlinkOperation): string {
  const { op } = operation;
  if (op === 'linkSet' && isPlainUp(operation)) {
    return `link set dev ${operation.dev} up group ${operation.group}`;
  }
  if (op === 'addrAdd') {
    const { dev, address, prefixLength, isNodad, isNoPrefixRoute } = operation;
    const flags = `${isNodad ? ' nodad' : ''}${isNoPrefixRoute ? ' noprefixroute' : ''}`;
    return `address add ${address}/${prefixLength} dev ${dev}${flags}`;
  }
  if (op !== 'routeAdd') throw notOfFirstRun(operation);
  const { dev, destination, prefixLength, gateway, table = MAIN_TABLE, type = UNICAST } = operation;
  const via = gateway ? ` via ${gateway}` : '';
  const kind = type === UNICAST ? 'unicast' : 'local';
  return `route add ${kind} ${destination}/${prefixLength}${via} dev ${dev} table ${table} proto 83`;
}

/** Up and into a group, nothing else. */
function isPlainUp(operation: Extract<NetlinkOperation, { op: 'linkSet' }>): boolean {
  const { isUp, group, master, mac } = operation;
  return isUp === true && group !== undefined && master === undefined && mac === undefined;
}

function notOfFirstRun(operation: NetlinkOperation): Error {
  return new Error(`a first run with routed taps has no such step: ${JSON.stringify(operation)}`);
}
