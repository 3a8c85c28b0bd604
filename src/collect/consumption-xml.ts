/** The consumption report of one day, byte for byte as upstream writes it (spec/collect.md 8.4). */
import { pythonFloat } from '../model/python-number.ts';
import { daysBefore } from './sample.ts';

/** What a day amounts to; null where the day has no row. */
export interface DayConsumption {
  readonly cpuPercent: number | null;
  readonly memoryBytes: number | null;
  /** Last known ratio; null when the heating test never ran. */
  readonly zeroEmissionRatio: number | null;
  /** In map order. */
  readonly users: readonly UserConsumption[];
}

export interface UserConsumption {
  readonly name: string;
  /** Percent of one core. */
  readonly cpuPercent: number | null;
  readonly memoryMib: number | null;
  readonly diskMib: number | null;
}

interface Movement {
  readonly resource: string;
  readonly title: string;
  readonly reference: string;
  readonly quantity: string;
}

export function renderConsumption(computerId: string, date: string, day: DayConsumption): string {
  const movements = [
    ...computerMovements(computerId, day),
    ...userMovements(
      day.users,
      'cpu_load_percent',
      'CPU Load Percent Average',
      (u) => u.cpuPercent,
    ),
    ...userMovements(day.users, 'memory_used', 'Memory Used Average', (u) => u.memoryMib),
    ...userMovements(day.users, 'disk_used', 'Partition Disk Used Average', (u) => u.diskMib),
  ];
  const header =
    // The blank after the computer is part of what readers have always got.
    element('title', `Eco Information for ${computerId} `) +
    element('start_date', `${date} 00:00:00`) +
    element('stop_date', `${date} 23:59:59`) +
    element('reference', `${date}-global`) +
    element('currency', '') +
    element('payment_mode', '') +
    element('category', '') +
    '<arrow type="Destination"/>';
  return (
    "<?xml version='1.0' encoding='utf-8'?><journal><transaction type=\"Sale Packing List\">" +
    `${header}${movements.map(renderMovement).join('')}</transaction></journal>`
  );
}

function computerMovements(computerId: string, day: DayConsumption): Movement[] {
  const movement = (resource: string, title: string, quantity: string) => ({
    resource,
    title,
    reference: computerId,
    quantity,
  });
  const { cpuPercent, memoryBytes, zeroEmissionRatio } = day;
  return [
    ...(cpuPercent === null
      ? []
      : [movement('cpu_load_percent', 'CPU Load Percent Average', pythonFloat(cpuPercent))]),
    ...(memoryBytes === null
      ? []
      : [movement('memory_used', 'Used Memory', pythonFloat(memoryBytes))]),
    movement(
      'zero_emission_ratio',
      'Zero Emission Ratio',
      zeroEmissionRatio === null ? '-1' : pythonFloat(zeroEmissionRatio),
    ),
  ];
}

function userMovements(
  users: readonly UserConsumption[],
  resource: string,
  title: string,
  quantityOf: (user: UserConsumption) => number | null,
): Movement[] {
  return users.flatMap((user) => {
    const quantity = quantityOf(user);
    if (quantity === null) return [];
    return [
      {
        resource,
        title: `${title} for ${user.name}`,
        reference: user.name,
        quantity: pythonFloat(quantity),
      },
    ];
  });
}

function renderMovement(movement: Movement): string {
  return (
    `<movement>${element('resource', `service_module/${movement.resource}`)}` +
    element('title', movement.title) +
    element('reference', movement.reference) +
    element('quantity', movement.quantity) +
    `${element('price', '0.0')}${element('VAT', '')}${element('category', '')}</movement>`
  );
}

function element(name: string, text: string): string {
  return `<${name}>${escapeXml(text)}</${name}>`;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

function escapeXml(text: string): string {
  return text.replace(/[&<>]/g, (char) => ENTITIES[char] ?? char);
}

/** The days that get a report, latest first: yesterday and the day before. */
export function reportDays(today: string): string[] {
  return [daysBefore(today, 1), daysBefore(today, 2)];
}
