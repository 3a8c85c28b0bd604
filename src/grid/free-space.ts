import { renderByteSize } from '../config/byte-size.ts';
import { SlaposError } from '../errors/slapos-error.ts';
import type { GridHost } from '../host/grid-host.ts';

/**
 * Checks the disk before anything is written.
 * @param option the key of slapos.cfg that asks for the space
 * @throws SlaposError SLAPOS_ERR_NO_SPACE with both figures.
 */
export async function checkFreeSpace(
  host: GridHost,
  path: string,
  requiredBytes: number,
  option: 'software_min_free_space' | 'instance_min_free_space',
): Promise<void> {
  const available = await host.freeBytes(path);
  if (available >= requiredBytes) return;
  const sizes = `available ${renderByteSize(available)}, required ${renderByteSize(requiredBytes)}`;
  throw new SlaposError(
    'SLAPOS_ERR_NO_SPACE',
    `Not enough space for ${path}: ${sizes} (option '${option}')`,
    { hint: `Free some space, or lower ${option} in section [slapos].` },
  );
}
