// How the quickstart runs its steps: commands with their output kept for a failure, progress, and
// the shut-down.
import { spawn, spawnSync } from 'node:child_process';
import { createWriteStream, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** A command of a step failed; `output` is what it printed. */
export class StepFailure extends Error {
  constructor(message, output = '') {
    super(message);
    this.output = output;
  }
}

export class Tour {
  constructor(base) {
    this.base = base;
    this.etc = join(base, 'etc');
    this.config = join(this.etc, 'slapos.cfg');
    this.home = join(base, 'slapos');
    this.instanceRoot = join(base, 'slapgrid');
    this.softwareRoot = join(base, 'software');
    this.slapos = join(root, 'bin', 'slapos');
    this.masterUrl = 'http://127.0.0.1:5000';
    this.background = [];
    this.startedMs = performance.now();
    this.isSupervised = false;
  }

  say(text) {
    process.stdout.write(`${text}\n`);
  }

  seconds(sinceMs = this.startedMs) {
    return ((performance.now() - sinceMs) / 1000).toFixed(1);
  }

  /** Runs the steps in order; stops at the first that fails and names it. */
  async run(steps) {
    for (const [index, step] of steps.entries()) {
      const startedMs = performance.now();
      const title = `${String(index + 1).padStart(2)}. ${step.title}`;
      if (process.stdout.isTTY) process.stdout.write(`${title} …\r`);
      try {
        const evidence = await step.run(this);
        this.say(`${title.padEnd(72)} ${this.seconds(startedMs).padStart(6)} s`);
        for (const line of evidence) this.say(`      ${line}`);
      } catch (error) {
        this.say(`${title}: FAILED`);
        this.explain(error);
        return false;
      }
    }
    return true;
  }

  explain(error) {
    this.say(`    ${error.message}`);
    const lines = (error.output ?? '').trimEnd().split('\n').slice(-25);
    for (const line of lines) if (line !== '') this.say(`    | ${line}`);
  }

  environment() {
    return {
      PATH: process.env['PATH'],
      HOME: this.base,
      LANG: 'C.UTF-8',
      SLAPOS_CONFIGURATION: this.config,
      SLAPOS_CLIENT_CONFIGURATION: this.config,
    };
  }

  /** Runs a program without a shell and returns what it printed. */
  async command(program, args, accepted = [0]) {
    const child = spawn(program, args, {
      cwd: this.base,
      env: this.environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr']) {
      child[name].setEncoding('utf8').on('data', (text) => {
        output[name] += text;
      });
    }
    const status = await new Promise((resolve, reject) => {
      child.on('error', reject).on('close', (code, signal) => resolve(code ?? signal));
    });
    if (accepted.includes(status)) return { ...output, status };
    const words = [program.split('/').at(-1), ...args].join(' ');
    throw new StepFailure(`${words} ended with ${status}`, output.stdout + output.stderr);
  }

  /** Runs the slapos command. */
  async slaposCommand(args, accepted) {
    return this.command(process.execPath, [this.slapos, ...args], accepted);
  }

  /** Starts a program that runs until {@link stop}; its output goes to a log file. */
  start(program, args, name) {
    mkdirSync(join(this.home, 'log'), { recursive: true });
    const child = spawn(program, args, {
      cwd: this.base,
      env: this.environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const log = createWriteStream(join(this.home, 'log', `${name}.log`), { flags: 'a' });
    child.stdout.pipe(log);
    child.stderr.pipe(log);
    this.background.push(child);
    return child;
  }

  /** How another terminal gets into our namespaces. */
  enterCommand(isUnprivileged) {
    return isUnprivileged ? 'sh' : 'nsenter --all --target "$(pgrep -nf quickstart-tour)"';
  }

  /** Stops the supervisor with all services and the background programs. */
  async stop() {
    if (this.isSupervised) {
      const pid = readPid(join(this.instanceRoot, 'var', 'run', 'supervisord.pid'));
      if (pid !== undefined) await endProcess(pid);
    }
    for (const child of this.background) child.kill('SIGTERM');
  }
}

function readPid(path) {
  try {
    const pid = Number.parseInt(readFileSync(path, 'utf8'), 10);
    return Number.isInteger(pid) && pid > 1 ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** SIGTERM, then waits for the end with `tail --pid`, which awaits instead of polling for us. */
async function endProcess(pid) {
  try {
    process.kill(pid, 'SIGTERM');
  } catch {
    return;
  }
  spawnSync('timeout', ['30', 'tail', `--pid=${pid}`, '-f', '/dev/null'], { stdio: 'ignore' });
}
