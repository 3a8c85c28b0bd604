import { describe, expect, it } from 'vitest';
import { pythonOfBuildout, shebangWords } from '../../../src/grid/python-of-buildout.ts';

describe('shebangWords', () => {
  it.each([
    ['#!/p/python\nimport x', ['/p/python']],
    ['#! /p/python -S \n', ['/p/python', '-S']],
    ['#!/usr/bin/env -S python3 -u\n', ['/usr/bin/env', '-S python3 -u']],
    ['import x\n', []],
    ['#!\n', []],
    ['', []],
  ])('reads %j', (script, words) => {
    expect(shebangWords(script)).toEqual(words);
  });
});

describe('pythonOfBuildout', () => {
  it.each([
    ['#!/p/python3.9\n', '/p/python3.9'],
    ['#!/bin/sh\n"exec" "/p/python" "$0" "$@"\n', '/p/python'],
    ['#!/bin/sh\necho\n', '/bin/sh'],
    ['import x\n', undefined],
    ['', undefined],
  ])('reads %j', (script, python) => {
    expect(pythonOfBuildout(script)).toBe(python);
  });
});
