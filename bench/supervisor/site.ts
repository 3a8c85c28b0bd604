/** The services of one run: a folder with logs, configuration files and the counter. */
import {
  appendFileSync,
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

export const SERVICE_UID = 4001;

export interface SiteOptions {
  /** Folder on the file system to measure on. */
  readonly parent: string;
  readonly service: string;
  readonly services: number;
  readonly perGroup: number;
  readonly isAutostart: boolean;
  /** Lines a second that one more service writes, in a group of its own. */
  readonly floodRate?: number;
}

/** The user that services run as, in the namespace's own passwd. */
export function addServiceUser(): void {
  const known = readFileSync('/etc/passwd', 'utf8').includes(`:${SERVICE_UID}:`);
  if (!known)
    appendFileSync('/etc/passwd', `slapbench:x:${SERVICE_UID}:${SERVICE_UID}::/:/bin/sh\n`);
}

export class Site {
  readonly folder: string;
  readonly counter = '/dev/shm/slapos-bench-counter';
  readonly options: SiteOptions;
  readonly #counterFd: number;

  constructor(options: SiteOptions) {
    this.options = options;
    this.folder = mkdtempSync(join(options.parent, 'slapos-bench-'));
    chmodSync(this.folder, 0o755);
    writeFileSync(this.counter, Buffer.alloc(4));
    chmodSync(this.counter, 0o666);
    this.#counterFd = openSync(this.counter, 'r');
    for (const name of ['etc', 'etc/supervisord.conf.d', 'var', 'var/log', 'var/run', 'home']) {
      mkdirSync(join(this.folder, name), { recursive: true, mode: 0o755 });
    }
    chownSync(join(this.folder, 'home'), SERVICE_UID, SERVICE_UID);
    this.#writeGroups();
  }

  get socket(): string {
    return join(this.folder, 'sv.sock');
  }

  get configuration(): string {
    return join(this.folder, 'etc', 'supervisord.conf');
  }

  get pidFile(): string {
    return join(this.folder, 'var', 'run', 'supervisord.pid');
  }

  groupFile(group: string): string {
    return join(this.folder, 'etc', 'supervisord.conf.d', `${group}.conf`);
  }

  /** How many services said that they run, since the last reset. */
  running(): number {
    const bytes = Buffer.alloc(4);
    readSync(this.#counterFd, bytes, 0, 4, 0);
    return bytes.readUInt32LE();
  }

  resetCounter(): void {
    writeFileSync(this.counter, Buffer.alloc(4));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A group file with the keys that slapos writes. */
  writeGroup(group: string, names: readonly string[], command: string, more = ''): void {
    const programs = names.map((name) => `${group}_${name}`);
    const sections = names.map((name) => this.#program(group, name, command, more));
    const head = `[group:${group}]\nprograms=${programs.join(',')}\n\n`;
    writeFileSync(this.groupFile(group), head + sections.join('\n'), { mode: 0o600 });
  }

  #writeGroups(): void {
    const { services, perGroup, service, floodRate } = this.options;
    for (let first = 0, group = 0; first < services; first += perGroup, group += 1) {
      const count = Math.min(perGroup, services - first);
      const names = Array.from({ length: count }, (_, index) => `service${index}`);
      this.writeGroup(`slappart${group}`, names, `${service} ${this.counter}`);
    }
    if (floodRate === undefined) return;
    this.writeGroup('flood', ['flood'], `${service} ${this.counter} flood ${floodRate} flood`);
  }

  #program(group: string, name: string, command: string, more: string): string {
    const home = join(this.folder, 'home');
    const log = join(home, `.${group}_${name}.log`);
    return `[program:${group}_${name}]
directory=${home}
command=${command}
process_name=${name}-on-watch
autostart=${this.options.isAutostart}
autorestart=false
startsecs=0
startretries=0
exitcodes=0
stopsignal=TERM
stopwaitsecs=60
stopasgroup=true
killasgroup=true
user=${SERVICE_UID}
group=${SERVICE_UID}
serverurl=AUTO
redirect_stderr=true
stdout_logfile=${log}
stdout_logfile_maxbytes=100KB
stdout_logfile_backups=1
stderr_logfile=${log}
stderr_logfile_maxbytes=100KB
stderr_logfile_backups=1
environment=USER="slapbench",LOGNAME="slapbench",HOME="${home}"
${more}`;
  }
}

/** The main file, for our daemon and for supervisord alike; without a watchdog. */
export function writeMainFile(site: Site): void {
  const { folder } = site;
  const text = `[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[include]
files = ${folder}/etc/supervisord.conf.d/*.conf

[supervisorctl]
serverurl = unix://${site.socket}

[supervisord]
loglevel = info
logfile = ${folder}/var/log/supervisord.log
logfile_maxbytes = 50MB
nodaemon = false
pidfile = ${site.pidFile}

[unix_http_server]
file=${site.socket}
chmod=0700
`;
  writeFileSync(site.configuration, text, { mode: 0o600 });
}
