/** What `manager_list` means for format (spec/format.md 9). */
import { ConfigError } from '../errors/slapos-error.ts';
import type { Logger } from '../log/logger.ts';
import type { FormatOptions } from './options.ts';

const MANAGERS = ['cpuset', 'devperm', 'portredir', 'prerm', 'whitelistfirewall'];

/** @throws ConfigError SLAPOS_ERR_CONFIG_VALUE for a name that is no manager. */
export function checkManagers({ managers, inputDefinitionFile }: FormatOptions, log: Logger): void {
  if (managers.length > 0 && inputDefinitionFile !== null) {
    log.warning('manager_list has no effect with an input definition file.');
    return;
  }
  const unknown = managers.find((name) => !MANAGERS.includes(name));
  if (unknown !== undefined) {
    throw new ConfigError(
      'SLAPOS_ERR_CONFIG_VALUE',
      `'${unknown}' in manager_list is no manager.`,
      {
        hint: `Known managers: ${MANAGERS.join(', ')}.`,
        context: { key: 'manager_list' },
      },
    );
  }
  if (managers.includes('cpuset')) {
    log.warning('cpuset prepares cgroup version 1 only, ignoring it on this host.');
  }
}
