/** Adapter of the addon's tap and tun devices; the interface is `HostTaps`. */
import type { HostTaps, OperationResult, TuntapName } from './host.ts';
import { loadNative, type NativeAddon } from './native.ts';
import { callNative, type RefusalTexts, refusalError } from './native-failure.ts';
import type { NativeOutcome } from './native-outcome.ts';

type TuntapAddon = Pick<NativeAddon, 'tuntapCreate' | 'tuntapDelete'>;

const TEXTS: RefusalTexts = {
  code: 'SLAPOS_ERR_TUNTAP',
  hints: {
    EPERM: 'Creating devices needs root (CAP_NET_ADMIN).',
    ENOENT: 'Load the tun module (`modprobe tun`) so that /dev/net/tun exists.',
    ENODEV: 'The kernel needs the tun module for /dev/net/tun.',
    EACCES: 'Check the permissions of /dev/net/tun.',
    EBUSY: 'Stop the process that has the device open.',
    EINVAL:
      'The name is taken by another kind of device or not valid (15 characters at most): ' +
      'change tap_base_name.',
  },
};

async function runBatch<Device extends TuntapName>(
  deed: string,
  devices: readonly Device[],
  call: () => Promise<NativeOutcome[]>,
): Promise<ReadonlyArray<OperationResult<Device>>> {
  if (devices.length === 0) return [];
  const what = `${deed} tap and tun devices through /dev/net/tun`;
  const outcomes = await callNative(TEXTS, what, call);
  return devices.map((operation, index) => {
    const outcome = outcomes[index];
    if (!outcome) return { operation, error: undefined };
    const what = `${deed} ${operation.mode} ${operation.name}`;
    return { operation, error: refusalError(TEXTS, what, outcome) };
  });
}

/** The tap and tun devices of the namespace that this process runs in. */
export function createTaps(addon: () => TuntapAddon = loadNative): HostTaps {
  return {
    create: (devices) => runBatch('create', devices, () => addon().tuntapCreate({ devices })),
    delete: (devices) => runBatch('delete', devices, () => addon().tuntapDelete({ devices })),
  };
}
