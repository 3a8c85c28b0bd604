import type {
  ChannelConfig,
  GroupConfig,
  ProcessConfig,
} from '../../src/supervisor/configuration/program-config.ts';

const CHANNEL: ChannelConfig = {
  target: { kind: 'none' },
  maxBytes: 0,
  backups: 0,
  captureMaxBytes: 0,
  isEventsEnabled: false,
  isSyslog: false,
};

/** A process with the defaults of the configuration language and no logs. */
export function processConfig(change: Partial<ProcessConfig> = {}): ProcessConfig {
  return {
    name: 'x',
    program: 'x',
    command: '/bin/true',
    priority: 999,
    isAutostart: false,
    autoRestart: 'unexpected',
    startSecs: 1,
    startRetries: 3,
    exitCodes: [0],
    stopSignal: 15,
    stopWaitSecs: 10,
    isStopAsGroup: false,
    isKillAsGroup: false,
    isStderrRedirected: false,
    stdout: CHANNEL,
    stderr: CHANNEL,
    environment: {},
    serverUrl: 'AUTO',
    ...change,
  };
}

export function groupConfig(
  name: string,
  processes: ReadonlyArray<Partial<ProcessConfig>>,
  change: Partial<GroupConfig> = {},
): GroupConfig {
  return { name, priority: 999, processes: processes.map(processConfig), ...change };
}
