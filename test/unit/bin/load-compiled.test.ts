import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire, Module } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Script } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cachePath, loadCompiled } from '../../../src/bin/load-compiled.ts';

const TEXT = `exports.answer = () => 42; exports.here = __filename; exports.os = require('node:os');`;

describe('loadCompiled', () => {
  let folder: string;
  let stub: string;
  let code: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'load-compiled-'));
    stub = join(folder, 'part.js');
    code = join(folder, 'part.code.js');
    writeFileSync(code, TEXT);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function load(): Record<string, unknown> {
    const module = { exports: {} } as NodeJS.Module;
    loadCompiled(module, stub);
    return module.exports as Record<string, unknown>;
  }

  function expectLoaded(): void {
    const exports = load();
    expect((exports['answer'] as () => number)()).toBe(42);
    expect(exports['here']).toBe(code);
    expect(exports['os']).toBe(createRequire(code)('node:os'));
  }

  it('runs the code where nothing was compiled before', () => expectLoaded());

  it('takes the compiled form', () => {
    const script = new Script(Module.wrap(TEXT), { filename: code });
    writeFileSync(cachePath(code), script.createCachedData());
    expectLoaded();
  });

  it('compiles again where the compiled form is of another text, or no such thing', () => {
    const other = new Script(Module.wrap(`${TEXT} `), { filename: code });
    for (const cache of [other.createCachedData(), Buffer.from('no code'), Buffer.alloc(0)]) {
      writeFileSync(cachePath(code), cache);
      expectLoaded();
    }
  });

  it('tells about a syntax error by the name of the code', () => {
    writeFileSync(code, 'exports = (');
    expect(load).toThrow(SyntaxError);
  });
});
