/** Runs the cases of the exports with an addon that the address sanitizer and UBSan watch. */
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { nativeFile, packageRoot } from '../../src/host/package/package-files.ts';
import type { CaseReport, ExportOptions } from './export-program.ts';
import { type ExportRun, runExports } from './run-exports.ts';
import type { ProgramOptions } from './run-program.ts';

/** What each export of `known_fault.cc` must be told as. */
const KNOWN_FAULTS = {
  readPastEnd: 'AddressSanitizer: heap-buffer-overflow',
  writePastStack: 'AddressSanitizer: stack-buffer-overflow',
  readAfterFree: 'AddressSanitizer: heap-use-after-free',
  readAfterFreeInThread: 'AddressSanitizer: heap-use-after-free',
  overflowInteger: 'runtime error: signed integer overflow',
};

const ENVIRONMENT = {
  ASAN_OPTIONS: [
    // Node itself gives much back only by its end.
    'detect_leaks=0',
    'detect_stack_use_after_return=1',
    'strict_string_checks=1',
    // As without the sanitizer: std::bad_alloc for what is too large.
    'allocator_may_return_null=1',
    // Reports of crashes, which Node's own handler would keep.
    'handle_segv=2',
  ].join(':'),
  UBSAN_OPTIONS: 'print_stacktrace=1',
};

type SanitizedAddon = Required<Pick<ProgramOptions, 'env' | 'packageFolder' | 'preload'>>;

/** gcc's, since its sanitizers can be loaded before a program that was built without. */
function compiler(): string {
  const asked = process.env['CXX'] ?? '';
  return /(^|[ /])g\+\+(-\d+)?$/.test(asked) ? asked : 'g++';
}

/** @throws Error when the compiler has no such library */
function libraryOf(name: string): string {
  const words = [...compiler().split(' '), `-print-file-name=${name}`];
  const path = execFileSync('/usr/bin/env', words, { encoding: 'utf8' }).trim();
  if (!path.startsWith('/')) throw new Error(`${compiler()} has no ${name}`);
  return path;
}

/**
 * Builds the addon into a folder that looks like this package to what is loaded from below it.
 * @throws Error with the compiler's messages
 */
export function buildSanitized(): SanitizedAddon {
  const root = packageRoot();
  const packageFolder = join(root, 'build', 'sanitized');
  const output = join(packageFolder, 'build', 'Release');
  mkdirSync(output, { recursive: true });
  writeFileSync(join(packageFolder, 'package.json'), '{"name":"slapos-node"}\n');
  const headers = join(dirname(dirname(process.execPath)), 'include', 'node');
  const addonApi = dirname(createRequire(join(root, 'package.json')).resolve('node-addon-api'));
  const program = 'slapos_task_iter.bpf.o';
  const hasReader = existsSync(nativeFile('slapos_bpf.node'));
  if (hasReader) copyFileSync(nativeFile(program), join(output, program));
  const words = [
    ...['-s', `-j${availableParallelism()}`, '-f', 'test/leak/sanitized.mk'],
    ...[`OUT=${output}`, `NODE_HEADERS=${headers}`, `ADDON_API=${addonApi}`],
    ...[`BPF=${hasReader ? 1 : 0}`, `CXX=${compiler()}`],
  ];
  execFileSync('make', words, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  // Also where Node brings a C++ library of its own, the sanitizer looks for the functions it wraps.
  const preload = [libraryOf('libasan.so'), libraryOf('libstdc++.so.6')].join(':');
  return { packageFolder, preload, env: ENVIRONMENT };
}

/** Faults of the harness's own that are not seen, one line each. */
export function findUnseenFaults({ env, packageFolder, preload }: SanitizedAddon): string[] {
  const addon = join(packageFolder, 'build', 'Release', 'known_fault.node');
  return Object.entries(KNOWN_FAULTS).flatMap(([name, told]) => {
    const script = `require(${JSON.stringify(addon)}).${name}()`;
    const { status, stderr } = spawnSync(process.execPath, ['-e', script], {
      encoding: 'utf8',
      env: { ...process.env, ...env, LD_PRELOAD: preload },
    });
    if (status !== 0 && stderr.includes(told)) return [];
    return [`known fault ${name}: was not seen, status ${status}: ${stderr}`];
  });
}

/** The first fault ends the run, and its report stands in the failure. */
export function runSanitizedExports(
  addon: SanitizedAddon,
  options: Pick<ExportOptions, 'calls' | 'facilities' | 'words'>,
  onReport: (report: CaseReport) => void,
): Promise<ExportRun> {
  const asked = { ...options, blocks: 0, isBrief: false, isNeeding: false };
  return runExports(asked, onReport, addon);
}
