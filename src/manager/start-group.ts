import type { ServiceSupervisor } from '../instance/service-supervisor.ts';

/**
 * Starts the programs of a manager's group that never ran.
 * @param isChanged its file was written just now
 */
export async function startManagerGroup(
  supervisor: ServiceSupervisor,
  group: string,
  isChanged: boolean,
): Promise<void> {
  // A pass that was cut off may have written the file and no more.
  if (!isChanged && (await supervisor.startUnstarted(group))) return;
  await supervisor.update();
  await supervisor.startUnstarted(group);
}
