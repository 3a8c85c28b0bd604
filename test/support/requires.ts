/**
 * Says what a group of tests needs from the machine. Where something is missing the group is skipped
 * and its title says why; SLAPOS_REQUIRE=root,netns,… turns such skips into failures, so that a
 * place which must have a facility cannot lose it unseen.
 */
import { describe, it } from 'vitest';
import { type Facility, missingFacilities } from './facilities.ts';

/** True when SLAPOS_REQUIRE says that this place must have the facility. */
function isOwned(facility: string): boolean {
  return (process.env['SLAPOS_REQUIRE'] ?? '').split(',').includes(facility);
}

/**
 * `describe` for a group that needs facilities: `requires('root', 'netns')('links', () => …)`.
 */
export function requires(
  ...facilities: readonly Facility[]
): (title: string, define: () => void) => void {
  const missing = missingFacilities(facilities);
  return (title, define) => {
    if (missing.length === 0) return describe(title, define);
    const reasons = missing.map(({ facility, reason }) => `${facility} (${reason})`).join(', ');
    if (!missing.some(({ facility }) => isOwned(facility))) {
      return describe.skip(`${title} [skipped, needs ${reasons}]`, define);
    }
    return describe(title, () => {
      it('has what SLAPOS_REQUIRE says this place has', () => {
        throw new Error(`missing: ${reasons}`);
      });
    });
  };
}
