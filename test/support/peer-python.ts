import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** The Python given by SLAPOS_PEER_PYTHON when it can import a module, else why not. */
export function findPeerPython(module: string): { python: string } | { reason: string } {
  const python = process.env['SLAPOS_PEER_PYTHON'];
  if (python === undefined || python === '') return { reason: 'SLAPOS_PEER_PYTHON is not set' };
  const { status } = spawnSync(python, ['-c', `import ${module}`]);
  return status === 0 ? { python } : { reason: `${python} cannot import ${module}` };
}

/** Runs a Python program with JSON on standard input and returns the JSON that it prints. */
export function runPython(python: string, program: string, input: unknown): unknown {
  const { status, stdout, stderr } = spawnSync(python, ['-c', program], {
    input: JSON.stringify(input),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(`python failed: ${stderr}`);
  return JSON.parse(stdout);
}

/**
 * Like {@link findPeerPython} for builds and partitions: every user can run it. Below the package
 * it is named by the folder at which a private namespace shows the package to all users.
 */
export function findPublicPeerPython(...modules: readonly string[]) {
  const { SLAPOS_PEER_PYTHON: given = '', SLAPOS_ORIGIN: origin, SLAPOS_PACKAGE } = process.env;
  if (given === '') return { reason: 'SLAPOS_PEER_PYTHON is not set' };
  const isInside = origin !== undefined && given.startsWith(`${origin}/`);
  const python = isInside ? join(SLAPOS_PACKAGE ?? origin, given.slice(origin.length)) : given;
  const { error, status, stderr } = spawnSync(python, ['-c', `import ${modules.join(', ')}`], {
    cwd: '/',
    encoding: 'utf8',
    ...(process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}),
  });
  if (status === 0) return { python };
  return { reason: `${python}: ${error?.message ?? stderr.trim().split('\n').pop()}` };
}
