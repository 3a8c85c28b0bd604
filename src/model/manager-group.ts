/** Groups of services that managers keep beside the partition's own: `<partition>-<suffix>`. Pure. */

export const PRERM_SUFFIX = 'prerm';
export const SOCAT_SUFFIX = 'socat';

const SUFFIXES = [PRERM_SUFFIX, SOCAT_SUFFIX];

/** Whether a group is one of a manager, so that its name is no partition's. */
export function isManagerGroup(name: string): boolean {
  return SUFFIXES.some((suffix) => name.length > suffix.length + 1 && name.endsWith(`-${suffix}`));
}
