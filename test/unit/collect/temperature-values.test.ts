import { describe, expect, test } from 'vitest';
import {
  alarmCount,
  chipName,
  type HwmonDevice,
  temperatureRows,
} from '../../../src/collect/temperature-values.ts';

describe('chipName', () => {
  const cases: ReadonlyArray<readonly [string, HwmonDevice[], string]> = [
    ['coretemp', [{ name: 'coretemp.0', subsystem: 'platform' }], 'coretemp-isa-0000'],
    ['it87', [{ name: 'it87.2608', subsystem: 'platform' }], 'it87-isa-0a30'],
    ['k10temp', [{ name: '0000:00:18.3', subsystem: 'pci' }], 'k10temp-pci-00c3'],
    ['lm75', [{ name: '1-004a', subsystem: 'i2c' }], 'lm75-i2c-1-4a'],
    ['w83781d', [{ name: '9191-0290', subsystem: 'i2c' }], 'w83781d-isa-0290'],
    ['adcxx', [{ name: 'spi1.2', subsystem: 'spi' }], 'adcxx-spi-1-2'],
    [
      'nvme',
      [
        { name: 'nvme0', subsystem: 'nvme' },
        { name: '0000:01:00.0', subsystem: 'pci' },
      ],
      'nvme-pci-0100',
    ],
    [
      'acpitz',
      [
        { name: 'thermal_zone0', subsystem: 'thermal' },
        { name: 'LNXTHERM:00', subsystem: 'acpi' },
      ],
      'acpitz-acpi-0',
    ],
    ['drivetemp', [{ name: '1:0:0:0', subsystem: 'scsi' }], 'drivetemp-scsi-1-0'],
    ['cpu_thermal', [{ name: 'thermal_zone0', subsystem: 'thermal' }], 'cpu_thermal-virtual-0'],
    ['hidraw', [{ name: '0003:1B1C:0C10.0004', subsystem: 'hid' }], 'hidraw-hid-3-4'],
    ['phy', [{ name: 'stmmac-0:01', subsystem: 'mdio_bus' }], 'phy-mdio-1'],
    ['odd', [{ name: 'x', subsystem: 'constructor' }], 'odd-virtual-0'],
    ['none', [], 'none-virtual-0'],
  ];
  test.each(cases)('%s', (prefix, devices, expected) => {
    expect(chipName({ prefix, devices, temperatures: [] })).toBe(expected);
  });
});

test('a row is named as sensors prints it', () => {
  const chip = {
    prefix: 'coretemp',
    devices: [{ name: 'coretemp.0', subsystem: 'platform' }],
    temperatures: [
      { feature: 'temp1', label: 'Core 0', inputMillidegrees: 45_500 },
      { feature: 'temp2', inputMillidegrees: -1000, maxMillidegrees: 80_000 },
    ],
  };
  expect(temperatureRows([chip])).toEqual([
    { sensorId: 'coretemp-isa-0000 Core 0:', celsius: 45.5, alarm: 0 },
    { sensorId: 'coretemp-isa-0000 temp2:', celsius: -1, alarm: 0 },
  ]);
});

test.each([
  [79_999, 0],
  [80_000, 1],
  [85_000, 1],
  [100_000, 2],
])('%d millidegrees against 80 and 100 °C: alarm %d', (inputMillidegrees, alarm) => {
  const limits = { maxMillidegrees: 80_000, critMillidegrees: 100_000 };
  expect(alarmCount({ feature: 'temp1', inputMillidegrees, ...limits })).toBe(alarm);
});
