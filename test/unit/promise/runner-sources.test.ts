/** The Python runner must work under the Python of any software release, from 2.7 on. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../../..');
const folder = join(root, 'promise-runner', 'python');
const files = readdirSync(folder).filter((name) => name.endsWith('.py'));
const PYTHONS = ['/usr/bin/python3', '/usr/bin/python2.7'].filter((path) => existsSync(path));
/** The oldest syntax that this Python can hold a text against. */
const PARSE = `
import ast, sys
for path in sys.argv[1:]:
    text = open(path).read()
    if sys.version_info >= (3, 8):
        tree = ast.parse(text, path, feature_version=(3, 5))
        for node in ast.walk(tree):
            assert not isinstance(node, (ast.JoinedStr, ast.AnnAssign, ast.Nonlocal, ast.AsyncFunctionDef)), (path, node.lineno)
            assert not getattr(node, 'annotation', None), (path, node.lineno)
            assert not getattr(node, 'kwonlyargs', None), path
    else:
        compile(text, path, 'exec')
`;

describe('the Python runner', () => {
  it.each(PYTHONS)('parses as old Python with %s', (python) => {
    const paths = files.map((name) => join(folder, name));
    const { status, stderr } = spawnSync(python, ['-c', PARSE, ...paths], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
  });

  it('is plain ASCII: Python 2 takes no other text without a declaration', () => {
    for (const name of files) {
      const text = readFileSync(join(folder, name), 'latin1');
      expect(/[^\n\x20-\x7e]/.exec(text)?.[0], name).toBeUndefined();
    }
  });

  it('has no module whose name a plugin removes', () => {
    expect(files.filter((name) => /slapos|pkg_resources/.test(name))).toEqual([]);
    const names = readFileSync(join(root, 'src/promise/run-plugins.ts'), 'utf8').matchAll(
      /^ {2}(node_\w+): '/gm,
    );
    expect([...names].filter(([, name]) => /slapos|pkg_resources/.test(name ?? ''))).toEqual([]);
  });

  it('is part of the package', () => {
    const { files: packed } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    expect(packed).toContain('promise-runner');
  });
});
