/**
 * A process under supervision as spec/supervisor.md 3 tells it, line by line, to compare the state
 * machine with. Nothing here is shared with the program. Time is polled, as upstream does.
 */

export interface ReferenceConfig {
  readonly startsecs: number;
  readonly startretries: number;
  readonly autorestart: true | false | 'unexpected';
  readonly exitcodes: readonly number[];
  readonly stopsignal: number;
  readonly stopwaitsecs: number;
  readonly stopasgroup: boolean;
  readonly killasgroup: boolean;
}

const SIGNALS: Readonly<Record<number, string>> = { 9: 'SIGKILL', 11: 'SIGSEGV', 15: 'SIGTERM' };

export class ReferenceProcess {
  readonly config: ReferenceConfig;
  state = 'STOPPED';
  /** Everything seen from outside, in order. */
  readonly told: string[] = [];
  pid = 0;
  laststart = 0;
  laststop = 0;
  backoff = 0;
  delay = 0;
  exitstatus: number | undefined;
  spawnerr = '';
  now = 0;
  isDaemonRunning = true;
  // Ours: section 11.13, and a start while STOPPING is queued, a stop while spawning waits.
  #quickExits = 0;
  #restartAt: number | undefined;
  #startAfterStop = false;
  #stopAfterSpawn = false;

  constructor(config: ReferenceConfig) {
    this.config = config;
  }

  #change(state: string, extra = ''): void {
    this.told.push(`event ${this.state}>${state}${extra}`);
    this.state = state;
  }

  #log(line: string): void {
    this.told.push(`log ${line}`);
  }

  #spawn(): void {
    // "Else clear killing, spawnerr, exitstatus; laststart=now; → STARTING"
    this.spawnerr = '';
    this.exitstatus = undefined;
    this.laststart = this.now;
    this.#restartAt = undefined;
    this.#change('STARTING', ` tries:${this.backoff}`);
    this.told.push('spawn');
  }

  #isSpawning(): boolean {
    return this.state === 'STARTING' && this.pid === 0;
  }

  start(): void {
    if (this.state === 'STOPPING') {
      this.#startAfterStop = true;
    } else if (this.#isSpawning() && this.#stopAfterSpawn) {
      this.#stopAfterSpawn = false;
    } else if (this.state === 'STARTING' || this.state === 'RUNNING') {
      this.#log("WARN process 'x' already running");
    } else if (this.state !== 'UNKNOWN') {
      this.#quickExits = 0;
      this.#spawn();
    }
  }

  spawned(pid: number): void {
    if (!this.#isSpawning()) return;
    this.pid = pid;
    this.#log(`INFO spawned: 'x' with pid ${pid}`);
    if (this.#stopAfterSpawn) {
      this.#stopAfterSpawn = false;
      this.#stopLiving();
    } else if (this.config.startsecs === 0) this.#entersRunning();
  }

  spawnFailed(reason: string): void {
    if (!this.#isSpawning()) return;
    this.#log(`INFO spawnerr: ${reason}`);
    this.spawnerr = reason;
    this.#entersBackoff();
  }

  #entersRunning(): void {
    this.backoff = 0;
    this.#change('RUNNING', ` pid:${this.pid}`);
    this.#log(
      `INFO success: x entered RUNNING state, process has stayed up for > than ${this.config.startsecs} seconds (startsecs)`,
    );
  }

  #entersBackoff(): void {
    this.backoff += 1;
    this.delay = this.now + this.backoff * 1000;
    this.#change('BACKOFF', ` tries:${this.backoff}`);
    if (this.#stopAfterSpawn) {
      this.#stopAfterSpawn = false;
      this.#stopsIdle();
    } else if (this.backoff > this.config.startretries || !this.isDaemonRunning) this.#givesUp();
  }

  #givesUp(): void {
    this.backoff = 0;
    this.#change('FATAL');
    this.#log('INFO gave up: x entered FATAL state, too many start retries too quickly');
  }

  #stopsIdle(): void {
    this.backoff = 0;
    this.#quickExits = 0;
    this.#restartAt = undefined;
    this.#change('STOPPED', ` pid:${this.pid}`);
  }

  #stopLiving(): void {
    this.#log('INFO waiting for x to stop');
    this.#change('STOPPING', ` pid:${this.pid}`);
    this.delay = this.now + this.config.stopwaitsecs * 1000;
    this.told.push(`signal ${this.config.stopsignal}${this.config.stopasgroup ? ' group' : ''}`);
  }

  stop(): void {
    if (this.state === 'STOPPING') this.#startAfterStop = false;
    else if (this.#isSpawning()) this.#stopAfterSpawn = true;
    else if (this.state === 'RUNNING' || this.state === 'STARTING') this.#stopLiving();
    else if (this.state === 'BACKOFF') this.#stopsIdle();
    else if (this.state === 'EXITED' && this.#restartAt !== undefined) this.#stopsIdle();
  }

  exited(code: number, signal: number, core: boolean): void {
    if (this.pid === 0) return;
    const how =
      signal === 0
        ? `exit status ${code}`
        : `terminated by ${SIGNALS[signal]}${core ? ' (core dumped)' : ''}`;
    this.laststop = this.now;
    const isExpected = this.config.exitcodes.includes(code);
    if (this.state === 'STOPPING') {
      this.#log(`${isExpected ? 'INFO' : 'WARN'} stopped: x (${how})`);
      this.#stopsIdle();
      this.pid = 0;
      this.exitstatus = code;
      const isQueued = this.#startAfterStop;
      this.#startAfterStop = false;
      if (isQueued && this.isDaemonRunning) this.#spawn();
    } else if (
      this.state === 'STARTING' &&
      this.now - this.laststart < this.config.startsecs * 1000
    ) {
      this.#log(`WARN exited: x (${how}; not expected)`);
      this.exitstatus = undefined;
      this.spawnerr = 'Exited too quickly (process log may have details)';
      this.#entersBackoff();
      this.pid = 0;
    } else if (this.state === 'STARTING' || this.state === 'RUNNING') {
      if (this.state === 'STARTING') this.#entersRunning();
      this.#exitsRunning(code, how, isExpected);
    } else this.pid = 0;
  }

  #exitsRunning(code: number, how: string, isExpected: boolean): void {
    const verdict = isExpected ? 'expected' : 'not expected';
    this.#log(`${isExpected ? 'INFO' : 'WARN'} exited: x (${how}; ${verdict})`);
    this.#change('EXITED', ` expected:${isExpected ? 1 : 0} pid:${this.pid}`);
    this.exitstatus = code;
    this.spawnerr = isExpected ? '' : `Bad exit code ${code}`;
    this.pid = 0;
    const isQuick = this.config.startsecs === 0 && this.now - this.laststart < 1000;
    this.#quickExits = isQuick ? this.#quickExits + 1 : 0;
    if (!this.isDaemonRunning) return;
    if (this.config.autorestart === false) return;
    if (this.config.autorestart === 'unexpected' && isExpected) return;
    // "keep immediate respawn for the first 3, then 1, 2, 4 … 60 s"
    const delays = [0, 0, 0, 0, 1, 2, 4, 8, 16, 32];
    const seconds = delays[this.#quickExits] ?? 60;
    if (seconds === 0) this.#spawn();
    else this.#restartAt = this.now + seconds * 1000;
  }

  signalFailed(): void {
    if (this.pid === 0) return;
    if (this.state === 'UNKNOWN') return;
    this.#log(`CRIT unknown problem sending a signal to x (${this.pid}): EPERM`);
    this.#change('UNKNOWN');
  }

  giveUp(): void {
    if (this.state === 'BACKOFF') this.#givesUp();
    this.#restartAt = undefined;
  }

  /** One turn of the loop. */
  tick(now: number): void {
    this.now = now;
    if (this.state === 'STARTING' && this.pid !== 0) {
      if (now - this.laststart > this.config.startsecs * 1000) this.#entersRunning();
    } else if (this.state === 'BACKOFF' && now > this.delay) {
      if (this.isDaemonRunning) this.#spawn();
      else this.#givesUp();
    } else if (this.state === 'STOPPING' && now > this.delay) {
      this.#log(`WARN killing 'x' (${this.pid}) with SIGKILL`);
      this.told.push(`signal 9${this.config.killasgroup ? ' group' : ''}`);
      this.delay = now + Math.max(1, this.config.stopwaitsecs) * 1000;
    } else if (this.#restartAt !== undefined && now > this.#restartAt) {
      this.#restartAt = undefined;
      if (this.isDaemonRunning) this.#spawn();
    }
  }
}
