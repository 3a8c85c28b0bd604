import { expect, it } from 'vitest';
import { parseOsRelease } from '../../../src/host/os-release.ts';

it('reads os-release as a shell would', () => {
  const text =
    'ID=debian\nNAME="Debian \\"GNU\\"/Linux"\n# VERSION_ID=1\nVERSION_ID=\'12\'\nX=a b\nZ\n' +
    'A="b \\"c\\" \\$d"\nVERSION_CODENAME=\n';
  expect([...parseOsRelease(text)]).toEqual([
    ['ID', 'debian'],
    ['NAME', 'Debian "GNU"/Linux'],
    ['VERSION_ID', '12'],
    ['A', 'b "c" $d'],
    ['VERSION_CODENAME', ''],
  ]);
});
