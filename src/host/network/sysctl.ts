/** Kernel parameters below /proc/sys (proc_sys(5)); the interface is `HostSysctl`. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, HostError } from '../../errors/slapos-error.ts';
import type { HostSysctl } from '../host.ts';

/**
 * Path of a parameter. As in sysctl(8), a `/` in the name stands for a dot that belongs to a
 * component, such as that of a VLAN's interface name.
 */
export function sysctlPath(name: string, root: string): string {
  const parts = name.split('.').map((part) => part.replaceAll('/', '.'));
  if (parts.some((part) => part === '' || part === '.' || part === '..')) {
    throw new HostError('SLAPOS_ERR_HOST', `'${name}' is not the name of a kernel parameter.`, {});
  }
  return join(root, ...parts);
}

function refused(what: string, cause: unknown): HostError {
  const { errno = 0, syscall = '', code = '' } = cause as NodeJS.ErrnoException;
  return new HostError(
    'SLAPOS_ERR_HOST',
    `Cannot ${what}: ${code}.`,
    { errno: Math.abs(errno), syscall },
    { cause, hint: 'This needs root, and a kernel that has the parameter.' },
  );
}

/** The parameters of the kernel and namespaces that this process runs in. */
export function createSysctl(root = '/proc/sys'): HostSysctl {
  return {
    async read(name) {
      const path = sysctlPath(name, root);
      try {
        return (await readFile(path, 'utf8')).replace(/\n$/, '');
      } catch (error) {
        if (errorCode(error) === 'ENOENT') return undefined;
        throw refused(`read kernel parameter ${name}`, error);
      }
    },
    async write(name, value) {
      const path = sysctlPath(name, root);
      try {
        await writeFile(path, value, { flag: 'r+' });
      } catch (error) {
        throw refused(`set kernel parameter ${name} to ${value}`, error);
      }
    },
  };
}
