/**
 * The udev rule that spares new taps and tuns the work that systemd-udevd does for each network
 * device (measured: 6 of 7 ms, most of it one systemd-sysctl process a device). Pure.
 */
import { dirname } from 'node:path';
import { PlanError } from '../errors/slapos-error.ts';
import type { FormatOptions } from './options.ts';
import type { Step } from './step.ts';

/** Before the distribution's rules, which it makes final. */
export const UDEV_RULE_PATH = '/etc/udev/rules.d/10-slapos-node.rules';
/** There while systemd-udevd runs (systemd-udevd(8)). */
export const UDEV_CONTROL_PATH = '/run/udev/control';

/** What was found of udev. */
export interface UdevState {
  readonly isRunning: boolean;
  /** The rule as it stands, null when there is none. */
  readonly rule: string | null;
  readonly hasRuleFolder: boolean;
}

/** From this many new devices on the rule is worth a word. */
const WORTH_A_HINT = 10;
const RULE_MODE = 0o644;
const FOLDER_MODE = 0o755;

/**
 * One line (udev(7)): `:=` makes the list of programs final, with a built-in one that costs nothing
 * and finds nothing. An empty list cannot be written: udevd 252 takes `RUN:=""` for a program with
 * an empty name and writes two lines about it for each device. udevd reads its rules again by itself,
 * at the first event three seconds or more after it last looked.
 * @throws PlanError SLAPOS_ERR_PLAN_CONFLICT when tap_base_name has characters of udev's patterns.
 */
export function renderUdevRule({ tapBaseName }: FormatOptions): string {
  if (!/^[A-Za-z0-9_.-]+$/.test(tapBaseName)) {
    throw new PlanError(
      'SLAPOS_ERR_PLAN_CONFLICT',
      `'${tapBaseName}' cannot stand in a udev rule.`,
      {
        hint: 'Choose a tap_base_name of letters, digits, dots and dashes.',
      },
    );
  }
  const names = `${tapBaseName}[0-9]*|slaptun[0-9]*`;
  return `ACTION=="add", SUBSYSTEM=="net", KERNEL=="${names}", RUN{builtin}:="path_id"\n`;
}

/** Steps that install the rule when it was asked for, or a hint that it could be. */
export function planUdevRule(
  options: FormatOptions,
  udev: UdevState,
  newDevices: number,
): { readonly steps: readonly Step[]; readonly hints: readonly string[] } {
  if (!options.installsUdevRule) {
    const isWorthIt = udev.isRunning && udev.rule === null && newDevices >= WORTH_A_HINT;
    return { steps: [], hints: isWorthIt ? [hint(newDevices)] : [] };
  }
  const content = renderUdevRule(options);
  if (udev.rule === content) return { steps: [], hints: [] };
  const write: Step = {
    kind: 'fileWrite',
    path: UDEV_RULE_PATH,
    mode: RULE_MODE,
    content,
    beneath: null,
  };
  return { steps: [...(udev.hasRuleFolder ? [] : [ruleFolder()]), write], hints: [] };
}

function ruleFolder(): Step {
  const path = dirname(UDEV_RULE_PATH);
  return { kind: 'directoryCreate', path, mode: FOLDER_MODE, isRecursive: true, owner: null };
}

function hint(newDevices: number): string {
  const seconds = Math.ceil((newDevices * 6) / 1000);
  return (
    `systemd-udevd will spend about ${seconds} s on ${newDevices} new devices: ` +
    '--install-udev-rule spares it that.'
  );
}
