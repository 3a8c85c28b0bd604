import { describe, expect, it } from 'vitest';
import type { FormatOptions } from '../../../src/format/options.ts';
import { planUdevRule, renderUdevRule, UDEV_RULE_PATH } from '../../../src/format/plan-udev.ts';

function options(installsUdevRule: boolean, tapBaseName = 'slaptap'): FormatOptions {
  return { installsUdevRule, tapBaseName } as FormatOptions;
}

const RULE =
  'ACTION=="add", SUBSYSTEM=="net", KERNEL=="slaptap[0-9]*|slaptun[0-9]*", RUN{builtin}:="path_id"\n';
const udev = { isRunning: true, rule: null, hasRuleFolder: true };

describe('the udev rule', () => {
  it('is one line for our devices, with a final list of programs that starts none', () => {
    expect(renderUdevRule(options(true))).toBe(RULE);
  });

  it('is written when asked for, once', () => {
    const { steps } = planUdevRule(options(true), { ...udev, hasRuleFolder: false }, 0);
    expect(steps.map(({ kind }) => kind)).toEqual(['directoryCreate', 'fileWrite']);
    expect(steps[1]).toMatchObject({ path: UDEV_RULE_PATH, content: RULE, mode: 0o644 });
    expect(planUdevRule(options(true), { ...udev, rule: RULE }, 0).steps).toEqual([]);
    expect(planUdevRule(options(true), { ...udev, rule: 'old\n' }, 0).steps).toHaveLength(1);
  });

  it('is offered where udevd runs without it and many devices are to come', () => {
    const hints = (found: typeof udev, count: number) => {
      return planUdevRule(options(false), found, count).hints;
    };
    expect(hints(udev, 200)).toEqual([expect.stringContaining('--install-udev-rule')]);
    expect(hints(udev, 9)).toEqual([]);
    expect(hints({ ...udev, isRunning: false }, 200)).toEqual([]);
    expect(planUdevRule(options(false), { ...udev, rule: RULE }, 200).hints).toEqual([]);
  });

  it('refuses a tap name that would be a pattern', () => {
    expect(() => renderUdevRule(options(true, 'a"b'))).toThrow(/cannot stand in a udev rule/);
  });
});
