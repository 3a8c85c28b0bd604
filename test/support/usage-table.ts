import {
  USAGE,
  USAGE_LENGTH,
  type UsageTable,
  type UserUsage,
} from '../../src/host/process/process-reader.ts';

/** Every user of a table as an object. */
export function listUsage(table: UsageTable): UserUsage[] {
  return Array.from({ length: table.length / USAGE_LENGTH }, (_, index) => {
    const fields = Object.entries(USAGE).map(([name, at]) => {
      return [name, table[index * USAGE_LENGTH + at] ?? 0] as const;
    });
    return Object.fromEntries(fields) as unknown as UserUsage;
  });
}
