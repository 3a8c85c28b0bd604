/** The header that better-sqlite3 is compiled with where Node's own would make it abort. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { repository } from '../../support/package-scripts.ts';

const { needsOtherHeader, objectWrapHeader } = (await import(
  join(repository, 'scripts', 'object-wrap-header.mjs')
)) as {
  needsOtherHeader(prefix: string): boolean;
  objectWrapHeader(prefix: string): string;
};

let prefix: string;

beforeEach(() => {
  prefix = mkdtempSync(join(tmpdir(), 'slapos-header-'));
  mkdirSync(join(prefix, 'include', 'node'), { recursive: true });
});
afterEach(() => rmSync(prefix, { recursive: true }));

function write(text: string): void {
  writeFileSync(join(prefix, 'include', 'node', 'node_object_wrap.h'), text);
}

const BEFORE = 'ObjectWrap() {\n    refs_ = 0;\n  }\n  ~ObjectWrap() {\n    Reset();\n  }\n';

test('a header as it was until Node 24.18 is used as it is', () => {
  write(BEFORE);
  expect([needsOtherHeader(prefix), objectWrapHeader(prefix)]).toEqual([false, BEFORE]);
});

test('the calls of Node 24.19 are left out, what they call is not', () => {
  const hook = '  void AddCleanupHook() {\n    AddEnvironmentCleanupHook(isolate, this);\n  }\n';
  const after = BEFORE.replace('0;\n', '0;\n    AddCleanupHook();\n').replace(
    '{\n    Reset',
    '{\n    RemoveCleanupHook();\n    Reset',
  );
  write(after + hook);
  expect([needsOtherHeader(prefix), objectWrapHeader(prefix)]).toEqual([true, BEFORE + hook]);
});
