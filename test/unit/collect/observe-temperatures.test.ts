import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createCollectHost } from '../../../src/cli/node/collect-host.ts';
import { observeTemperatures } from '../../../src/collect/observe-temperatures.ts';
import { temperatureRows } from '../../../src/collect/temperature-values.ts';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'slapos-hwmon-'));
});

afterEach(() => {
  rmSync(root, { recursive: true });
});

function file(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

function link(path: string, target: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  mkdirSync(join(root, target), { recursive: true });
  symlinkSync(join(root, target), join(root, path));
}

const observe = () => observeTemperatures(createCollectHost(), join(root, 'class', 'hwmon'));

test('a machine without sensors has no rows', async () => {
  expect(await observe()).toEqual([]);
});

test('chips are named by the bus of their nearest device', async () => {
  file('devices/coretemp.0/hwmon/hwmon1/name', 'coretemp\n');
  file('devices/coretemp.0/hwmon/hwmon1/temp10_input', '47000\n');
  file('devices/coretemp.0/hwmon/hwmon1/temp2_input', '45000\n');
  file('devices/coretemp.0/hwmon/hwmon1/temp2_label', 'Core 0\n');
  file('devices/coretemp.0/hwmon/hwmon1/temp2_max', '40000\n');
  file('devices/coretemp.0/hwmon/hwmon1/temp2_crit', '45000\n');
  file('devices/coretemp.0/hwmon/hwmon1/temp2_crit_alarm', '0\n');
  link('devices/coretemp.0/hwmon/hwmon1/device', 'devices/coretemp.0');
  link('devices/coretemp.0/subsystem', 'bus/platform');
  link('class/hwmon/hwmon1', 'devices/coretemp.0/hwmon/hwmon1');

  file('devices/0000:01:00.0/nvme0/hwmon2/name', 'nvme\n');
  file('devices/0000:01:00.0/nvme0/hwmon2/temp1_input', '-5850\n');
  link('devices/0000:01:00.0/nvme0/hwmon2/device', 'devices/0000:01:00.0/nvme0');
  link('devices/0000:01:00.0/nvme0/subsystem', 'class/nvme');
  link('devices/0000:01:00.0/nvme0/device', 'devices/0000:01:00.0');
  link('devices/0000:01:00.0/subsystem', 'bus/pci');
  link('class/hwmon/hwmon2', 'devices/0000:01:00.0/nvme0/hwmon2');

  expect(temperatureRows(await observe())).toEqual([
    { sensorId: 'coretemp-isa-0000 Core 0:', celsius: 45, alarm: 2 },
    { sensorId: 'coretemp-isa-0000 temp10:', celsius: 47, alarm: 0 },
    { sensorId: 'nvme-pci-0100 temp1:', celsius: -5.85, alarm: 0 },
  ]);
});

test('a sensor that does not answer is left out', async () => {
  file('class/hwmon/hwmon0/name', 'odd\n');
  mkdirSync(join(root, 'class/hwmon/hwmon0/temp1_input'));
  file('class/hwmon/hwmon0/temp2_input', 'nonsense\n');
  file('class/hwmon/hwmon1/temp1_input', '1000\n');
  expect(await observe()).toEqual([{ prefix: 'odd', devices: [], temperatures: [] }]);
});
