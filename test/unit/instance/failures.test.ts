import { describe, expect, it } from 'vitest';
import { FAILURES, SCENARIOS, walkFailures } from '../../support/instance-failures.ts';

describe.each(SCENARIOS)('after any failing operation: $name', (scenario) => {
  it.each(FAILURES)('$moment it was done, $masterCode', async (failure) => {
    const { differences, operations } = await walkFailures(scenario, failure);
    expect(differences).toEqual([]);
    expect(operations).toBeGreaterThan(0);
  });
});

/** Among them the question to the Master: without an answer the last one that was kept holds. */
const FIRST_OPERATIONS = [0, 1];

describe.each(SCENARIOS)('after one, and the beginning of the pass after it: $name', (scenario) => {
  it.each(FIRST_OPERATIONS)('operation %i of which fails too', async (again) => {
    const failure = { moment: 'before', masterCode: 'SLAPOS_ERR_MASTER_UNAVAILABLE' } as const;
    const { differences } = await walkFailures(scenario, failure, () => again);
    expect(differences).toEqual([]);
  });
});
