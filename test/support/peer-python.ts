import { spawnSync } from 'node:child_process';

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
