import { describe, expect, it } from 'vitest';
import { FAILURES, SCENARIOS, walkFailures } from '../../support/instance-failures.ts';

describe.each(SCENARIOS)('after any failing operation: $name', (scenario) => {
  it.each(FAILURES)('$moment it was done, $masterCode', async (failure) => {
    const { differences, operations } = await walkFailures(scenario, failure);
    expect(differences).toEqual([]);
    expect(operations).toBeGreaterThan(0);
  });
});
