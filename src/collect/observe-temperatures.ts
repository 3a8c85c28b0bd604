/** Looks at /sys/class/hwmon (Documentation/hwmon/sysfs-interface.rst). */
import { basename, join } from 'node:path';
import type { CollectHost } from './collect-host.ts';
import type { HwmonChip, HwmonDevice, HwmonTemperature } from './temperature-values.ts';

type SensorHost = Pick<CollectHost, 'files' | 'realpath'>;

/** Parents of a device that are worth asking: a chip is never deeper below its bus. */
const MAX_PARENTS = 8;

/** All chips with their temperatures; a machine without sensors has none. */
export async function observeTemperatures(
  host: SensorHost,
  root = '/sys/class/hwmon',
): Promise<HwmonChip[]> {
  const chips: HwmonChip[] = [];
  for (const name of (await host.files.list(root)) ?? []) {
    const chip = await observeChip(host, join(root, name));
    if (chip !== undefined) chips.push(chip);
  }
  return chips;
}

async function observeChip(host: SensorHost, folder: string): Promise<HwmonChip | undefined> {
  const prefix = await readAttribute(host, join(folder, 'name'));
  if (prefix === undefined) return undefined;
  const temperatures: HwmonTemperature[] = [];
  const names = (await host.files.list(folder)) ?? [];
  const features = names.flatMap((name) => /^(temp(\d+))_input$/.exec(name)?.[1] ?? []);
  features.sort((a, b) => Number(a.slice(4)) - Number(b.slice(4)));
  for (const feature of features) {
    const temperature = await observeTemperature(host, folder, feature);
    if (temperature !== undefined) temperatures.push(temperature);
  }
  return { prefix, devices: await observeDevices(host, folder), temperatures };
}

async function observeTemperature(
  host: SensorHost,
  folder: string,
  feature: string,
): Promise<HwmonTemperature | undefined> {
  const read = (suffix: string) => readAttribute(host, join(folder, `${feature}_${suffix}`));
  const inputMillidegrees = parseMillidegrees(await read('input'));
  if (inputMillidegrees === undefined) return undefined;
  const label = await read('label');
  const maxMillidegrees = parseMillidegrees(await read('max'));
  const critMillidegrees = parseMillidegrees(await read('crit'));
  return {
    feature,
    inputMillidegrees,
    ...(label === undefined || label === '' ? {} : { label }),
    ...(maxMillidegrees === undefined ? {} : { maxMillidegrees }),
    ...(critMillidegrees === undefined ? {} : { critMillidegrees }),
  };
}

/** The device of a chip and those above it, by their links in sysfs. */
async function observeDevices(host: SensorHost, folder: string): Promise<HwmonDevice[]> {
  const devices: HwmonDevice[] = [];
  let path = await host.realpath(join(folder, 'device'));
  while (path !== undefined && devices.length < MAX_PARENTS) {
    const subsystem = await host.realpath(join(path, 'subsystem'));
    devices.push({ name: basename(path), subsystem: basename(subsystem ?? '') });
    path = await host.realpath(join(path, 'device'));
  }
  return devices;
}

/** A file of one line; undefined when it is missing or the sensor does not answer. */
async function readAttribute(host: SensorHost, path: string): Promise<string | undefined> {
  try {
    return (await host.files.readText(path))?.trim();
  } catch {
    // A sensor that is switched off answers EIO, ENODATA or EAGAIN: it has no temperature.
    return undefined;
  }
}

function parseMillidegrees(text: string | undefined): number | undefined {
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined;
}
