/** Adapter of the addon's tap and tun devices; the interface is `HostTaps`. */
import { HostError } from '../errors/slapos-error.ts';
import type { HostTaps, OperationResult, TuntapName } from './host.ts';
import { loadNative, type NativeAddon, type NativeOutcome } from './native.ts';
import { isKernelRefusal, type KernelRefusal, refusalReason } from './native-failure.ts';

type TuntapAddon = Pick<NativeAddon, 'tuntapCreate' | 'tuntapDelete'>;

const HINTS: Readonly<Record<string, string>> = {
  EPERM: 'Creating devices needs root (CAP_NET_ADMIN).',
  ENOENT: 'Load the tun module (`modprobe tun`) so that /dev/net/tun exists.',
  ENODEV: 'The kernel needs the tun module for /dev/net/tun.',
  EACCES: 'Check the permissions of /dev/net/tun.',
  EBUSY: 'Stop the process that has the device open.',
  EINVAL:
    'The name is taken by another kind of device or not valid (15 characters at most): ' +
    'change tap_base_name.',
};

function toHostError(what: string, refusal: KernelRefusal, cause?: unknown): HostError {
  const hint = HINTS[refusal.code];
  return new HostError('SLAPOS_ERR_TUNTAP', `Cannot ${what}: ${refusalReason(refusal)}.`, refusal, {
    ...(hint === undefined ? {} : { hint }),
    ...(cause === undefined ? {} : { cause }),
    context: { code: refusal.code, detail: refusal.detail },
  });
}

async function runBatch<Device extends TuntapName>(
  deed: string,
  devices: readonly Device[],
  call: () => Promise<NativeOutcome[]>,
): Promise<ReadonlyArray<OperationResult<Device>>> {
  if (devices.length === 0) return [];
  let outcomes: NativeOutcome[];
  try {
    outcomes = await call();
  } catch (error) {
    if (!isKernelRefusal(error)) throw error;
    throw toHostError(`${deed} tap and tun devices through /dev/net/tun`, error, error);
  }
  return devices.map((operation, index) => {
    const outcome = outcomes[index];
    if (!outcome) return { operation, error: undefined };
    return {
      operation,
      error: toHostError(`${deed} ${operation.mode} ${operation.name}`, outcome),
    };
  });
}

/** The tap and tun devices of the namespace that this process runs in. */
export function createTaps(addon: () => TuntapAddon = loadNative): HostTaps {
  return {
    create: (devices) => runBatch('create', devices, () => addon().tuntapCreate({ devices })),
    delete: (devices) => runBatch('delete', devices, () => addon().tuntapDelete({ devices })),
  };
}
