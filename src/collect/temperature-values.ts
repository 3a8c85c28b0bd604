/**
 * Temperatures of /sys/class/hwmon under the names that `sensors -u` prints (spec/collect.md 5.5;
 * sysfs of hwmon: Documentation/hwmon/sysfs-interface.rst; names: libsensors 3.6).
 */
import type { TemperatureRow } from './sample.ts';

/** A device on the way up from a hwmon folder: its name in sysfs and the bus it is on. */
export interface HwmonDevice {
  readonly name: string;
  /** Last part of the link `subsystem`, '' when there is none. */
  readonly subsystem: string;
}

/** One `tempN` of a chip; limits in millidegrees, absent when the chip has none. */
export interface HwmonTemperature {
  /** `temp1` */
  readonly feature: string;
  /** Content of `tempN_label`. */
  readonly label?: string;
  readonly inputMillidegrees: number;
  readonly maxMillidegrees?: number;
  readonly critMillidegrees?: number;
}

export interface HwmonChip {
  /** Content of `name`. */
  readonly prefix: string;
  /** The device and its parents, nearest first; empty for a virtual chip. */
  readonly devices: readonly HwmonDevice[];
  readonly temperatures: readonly HwmonTemperature[];
}

/** Limit of a chip that states none. */
const NO_LIMIT_CELSIUS = 1000;

export function temperatureRows(chips: readonly HwmonChip[]): TemperatureRow[] {
  return chips.flatMap((chip) =>
    chip.temperatures.map((temperature) => ({
      sensorId: `${chipName(chip)} ${temperature.label ?? temperature.feature}:`,
      celsius: temperature.inputMillidegrees / 1000,
      alarm: alarmCount(temperature),
    })),
  );
}

/** How many of the limits maximum and critical the temperature reaches. */
export function alarmCount(temperature: HwmonTemperature): number {
  const limits = [temperature.maxMillidegrees, temperature.critMillidegrees];
  return limits.filter(
    (limit) => temperature.inputMillidegrees >= (limit ?? NO_LIMIT_CELSIUS * 1000),
  ).length;
}

/** `coretemp-isa-0000`: prefix, bus and address of the nearest device on a known bus. */
export function chipName(chip: HwmonChip): string {
  for (const device of chip.devices) {
    const address = busAddress(device);
    if (address !== undefined) return `${chip.prefix}-${address}`;
  }
  return `${chip.prefix}-virtual-0`;
}

type AddressParser = (name: string) => string | undefined;

const BUS_ADDRESSES: Readonly<Record<string, AddressParser>> = {
  i2c: (name) => {
    const match = /^(\d+)-([0-9a-f]+)$/i.exec(name);
    if (match === null) return undefined;
    const address = Number.parseInt(match[2] ?? '', 16);
    // Adapter 9191 is how the kernel once named the ISA bus.
    if (match[1] === '9191') return `isa-${hex(address, 4)}`;
    return `i2c-${match[1]}-${hex(address, 2)}`;
  },
  spi: (name) => {
    const match = /^spi(\d+)\.(\d+)$/.exec(name);
    return match === null ? undefined : `spi-${match[1]}-${hex(Number(match[2]), 1)}`;
  },
  pci: (name) => {
    const match = /^([0-9a-f]+):([0-9a-f]+):([0-9a-f]+)\.([0-9a-f]+)$/i.exec(name);
    if (match === null) return undefined;
    const [domain = 0, bus = 0, slot = 0, unit = 0] = match
      .slice(1)
      .map((part) => Number.parseInt(part, 16));
    return `pci-${hex(domain * 65_536 + bus * 256 + slot * 8 + unit, 4)}`;
  },
  platform: isaAddress,
  of_platform: isaAddress,
  acpi: () => 'acpi-0',
  hid: (name) => {
    const match = /^([0-9a-f]+):[0-9a-f]+:[0-9a-f]+\.([0-9a-f]+)$/i.exec(name);
    if (match === null) return undefined;
    const [bus = 0, id = 0] = match.slice(1).map((part) => Number.parseInt(part, 16));
    return `hid-${bus}-${hex(id, 1)}`;
  },
  mdio_bus: (name) => `mdio-${hex(Number(/^[^:]*:(\d+)/.exec(name)?.[1] ?? 0), 1)}`,
  scsi: (name) => {
    const match = /^(\d+):(\d+):(\d+):([0-9a-f]+)$/i.exec(name);
    if (match === null) return undefined;
    const [host = 0, channel = 0, target = 0] = match.slice(1, 4).map(Number);
    const lun = Number.parseInt(match[4] ?? '', 16);
    return `scsi-${host}-${hex(channel * 256 + target * 16 + lun, 1)}`;
  },
};

function busAddress(device: HwmonDevice): string | undefined {
  if (!Object.hasOwn(BUS_ADDRESSES, device.subsystem)) return undefined;
  return BUS_ADDRESSES[device.subsystem]?.(device.name);
}

/** `coretemp.0` is at 0; a device without a number too. */
function isaAddress(name: string): string {
  return `isa-${hex(Number(/^[a-z0-9_]+\.(\d+)/.exec(name)?.[1] ?? 0), 4)}`;
}

function hex(value: number, width: number): string {
  return value.toString(16).padStart(width, '0');
}
