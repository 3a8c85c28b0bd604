import { describe, expect, it } from 'vitest';
import { prepare } from '../../../src/format/format.ts';
import { FakeHost } from '../../support/fake-host.ts';
import { formatInput, formatOptions } from '../../support/format-run.ts';

function prepareWith(amount: number, tapMode: string) {
  const host = new FakeHost();
  host.addLink('br0', { kind: 'bridge' });
  host.addAddress('br0', '2001:db8:aaaa::1', 48);
  const options = formatOptions({ partition_amount: String(amount), tap_mode: tapMode });
  return prepare(formatInput(host, options));
}

describe('more taps than a bridge has ports', () => {
  it('are refused when they would be bridged', async () => {
    await expect(prepareWith(1024, 'bridged')).rejects.toMatchObject({
      code: 'SLAPOS_ERR_PLAN_CONFLICT',
      message: 'br0 would have 1024 ports; the kernel allows 1023.',
    });
  });

  it('are planned up to the limit, and beyond it when routed', async () => {
    for (const [amount, mode] of [
      [1023, 'bridged'],
      [1024, 'routed'],
    ] as const) {
      const { steps } = await prepareWith(amount, mode);
      expect(steps.filter(({ kind }) => kind === 'deviceCreate')).toHaveLength(amount);
    }
  });
});
