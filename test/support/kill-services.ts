/** Configuration of the services of the kill schedules (`test/fixtures/truthful-service.c`). Pure. */
import { SERVICE_UID } from './supervisor-run.ts';

/** Runs until it is stopped; ends and is started again; ends. */
export type Kind = 'steady' | 'restarting' | 'brief';

export function kindOf(index: number): Kind {
  return index % 10 < 6 ? 'steady' : index % 10 < 8 ? 'restarting' : 'brief';
}

export function renderProgram(
  { name, kind }: { readonly name: string; readonly kind: Kind },
  program: string,
  records: string,
  home: string,
): string {
  const status = Number(name.slice(1)) % 7;
  const plans: Record<Kind, string> = {
    steady: `steady ${status}`,
    restarting: 'brief 1200 6000',
    brief: 'brief 20 1500',
  };
  return [
    `[program:${name}]`,
    `directory=${home}`,
    `command=${program} ${records} ${name} ${plans[kind]}`,
    'autostart=false',
    `autorestart=${kind === 'restarting'}`,
    ...['startsecs=0', 'startretries=0', 'exitcodes=0', 'stopsignal=TERM', 'stopwaitsecs=60'],
    ...['stopasgroup=true', 'killasgroup=true', `user=${SERVICE_UID}`, 'redirect_stderr=true'],
    `stdout_logfile=${home}/.g_${name}.log`,
    '',
  ].join('\n');
}

/** A listener that records the ends it is told. */
export function renderRecorder(program: string, records: string): string {
  return [
    '[eventlistener:recorder]',
    `command=${program} ${records} recorder listener`,
    'events=PROCESS_STATE_EXITED,PROCESS_STATE_STOPPED',
    'autorestart=true',
    'startsecs=0',
    `user=${SERVICE_UID}`,
    '',
  ].join('\n');
}
