/** Keys of `[networkcache]`, `[collect]`, `[firewall]` and `[multimaster/URL]`. */
import { CACHE_FILES } from './binary-cache-options.ts';
import { type KeySpec, keysReadBy } from './schema-key.ts';

const cache = keysReadBy('node software', 'cachelookup');
const collect = keysReadBy('node collect');
const firewall = keysReadBy('node instance');
const proxy = keysReadBy('proxy start');

const CACHE_URLS = [
  ['download-binary-cache-url', 'where binaries of releases are downloaded from'],
  ['download-binary-dir-url', 'where binaries of releases are looked up'],
  ['download-cache-url', 'where sources are downloaded from'],
  ['download-dir-url', 'where sources are looked up'],
  ['upload-binary-cache-url', 'where binaries of releases are uploaded'],
  ['upload-binary-dir-url', 'where binaries of releases are announced'],
  ['upload-cache-url', 'where sources are uploaded'],
  ['upload-dir-url', 'where sources are announced'],
] as const;

/** spec/networkcache.md 1 */
export const NETWORKCACHE_KEYS: readonly KeySpec[] = [
  ...CACHE_URLS.map(([key, about]) => cache(key, 'url', about)),
  ...CACHE_FILES.map((key) => cache(key, 'path', 'TLS file of the cache')),
  cache('signature-private-key-file', 'path', 'key that signs uploads', {
    oldNames: ['signature_private_key_file'],
  }),
  cache('signature-certificate-list', 'lines', 'certificates of those who may sign'),
  cache('download-from-binary-cache-url-blacklist', 'lines', 'releases never downloaded', {
    oldNames: ['binary-cache-url-blacklist'],
  }),
  cache('upload-to-binary-cache-url-blacklist', 'lines', 'releases never uploaded'),
  cache('download-from-binary-cache-force-url-list', 'lines', 'releases never built here'),
];

/** spec/collect.md 2: the shipped example has names that upstream never read. */
export const COLLECT_KEYS: readonly KeySpec[] = [
  collect('report_disk_usage', 'boolean', 'whether folders are measured', {
    preset: 'True',
    oldNames: ['enable'],
  }),
  collect('disk_snapshot_time_cycle', 'integer', 'seconds between two measures of a folder', {
    preset: '86400',
    oldNames: ['time_cycle'],
  }),
  collect('disk_snapshot_process_pid_foder', 'path', 'folder of the process ids of measures', {
    oldNames: ['disk_snapshot_process_pid_folder', 'pid_folder'],
  }),
  collect('disk_snapshot_use_quota', 'boolean', 'whether user quotas are asked for sizes', {
    preset: 'False',
    oldNames: ['use_quota'],
  }),
];

/** spec/grid.md 2 */
export const FIREWALL_KEYS: readonly KeySpec[] = [
  firewall('firewall_cmd', 'text', 'command that changes rules', { preset: 'firewall-cmd' }),
  firewall('firewall_executable', 'text', 'firewall to run as a service', { preset: '' }),
  firewall('dbus_executable', 'text', 'message bus to run as a service', { preset: '' }),
  firewall('reload_config_cmd', 'text', 'command that reloads rules', {
    preset: 'slapos node restart firewall',
  }),
  firewall('authorized_sources', 'lines', 'addresses that may reach every partition'),
  firewall('log_file', 'path', 'log of the firewall', { preset: '/var/log/firewall.log' }),
  firewall('dbus_log_file', 'path', 'log of the message bus', { preset: '/var/log/dbus.log' }),
  firewall('testing', 'boolean', 'accepted for the tests of upstream', { isIgnored: true }),
];

/** spec/grid.md 12 */
export const DEVPERM_KEYS: readonly KeySpec[] = [
  keysReadBy('node instance')(
    'allowed-disk-for-vm',
    'lines',
    'disks that partitions may be given; none without it',
  ),
];

/** spec/proxy.md 1 */
export const MULTIMASTER_KEYS: readonly KeySpec[] = [
  proxy('key', 'path', 'private key for that Master'),
  proxy('cert', 'path', 'certificate for that Master'),
  proxy('software_release_list', 'lines', 'releases that are asked of that Master'),
  proxy('computer', 'text', 'computer in whose name to ask'),
  proxy('partition', 'text', 'partition in whose name to ask'),
];
