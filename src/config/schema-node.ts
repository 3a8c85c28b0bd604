/** Keys of `[slapos]` (spec/cli.md 3.3, spec/grid.md 2). */
import { type KeySpec, keysReadBy } from './schema-key.ts';
import { SERVICE_PROFILES } from './service-settings.ts';

const all = keysReadBy('node format', 'node *', 'node bang', 'node collect', 'node boot');
const grid = keysReadBy('node *');
const software = keysReadBy('node software');
const instance = keysReadBy('node instance');
const services = keysReadBy('node *', 'node supervisord');
const client = keysReadBy('client');
const supervisor = keysReadBy('node supervisorctl', 'node supervisord');

const IDENTITY: readonly KeySpec[] = [
  all('computer_id', 'text', 'reference of this computer on the Master', { isRequired: true }),
  all('master_url', 'url', 'address of the SlapOS Master', { isRequired: true }),
  client('master_rest_url', 'url', 'address of the REST API of the Master'),
  all('key_file', 'path', 'private key of the computer'),
  all('cert_file', 'path', 'certificate of the computer'),
  all('certificate_repository_path', 'path', 'certificates of the partitions'),
  all('master_ca_file', 'path', 'authority that signed the certificate of the Master'),
  all('master_tls_verify', 'boolean', 'whether the certificate of the Master is checked', {
    preset: 'true',
    isOurs: true,
  }),
  all('root_check', 'boolean', 'whether node commands refuse to run as another user than root', {
    preset: 'true',
  }),
];

const FOLDERS: readonly KeySpec[] = [
  all('instance_root', 'path', 'folder of the partitions', { isRequired: true }),
  all('software_root', 'path', 'folder of the software releases', { isRequired: true }),
  grid('shared_part_list', 'lines', 'folders of shared parts; the last one is written to'),
  software('build_time_part_list', 'lines', 'folders of parts used while building'),
  grid('instance_storage_home', 'path', 'folder of additional data disks'),
  instance('ipv4_global_network', 'network', 'network handed to the profile of instances', {
    preset: '',
  }),
];

const BUILDING: readonly KeySpec[] = [
  grid('buildout', 'path', 'buildout script that bootstraps builds'),
  grid('buildout_python', 'path', 'Python that can import zc.buildout', { isOurs: true }),
  software('software_min_free_space', 'size', 'free space that a build needs', {
    preset: '1000M',
  }),
  instance('instance_min_free_space', 'size', 'free space that an instance needs', {
    preset: '1000M',
  }),
  services('service_profile', 'choice', 'restrictions put on services', {
    preset: 'default',
    choices: SERVICE_PROFILES,
    isOurs: true,
  }),
  services('cgroup_memory_max', 'text', 'memory of the services of a partition, as 2G', {
    isOurs: true,
  }),
  services('cgroup_cpu_max', 'text', 'processor time of the services of a partition, as 1.5', {
    isOurs: true,
  }),
  services('pids_max', 'text', 'processes and threads of the services of a partition', {
    isOurs: true,
  }),
  instance('manager_list', 'names', 'plug-ins to run', { preset: '' }),
  instance('power_user_list', 'names', 'users of exclusive processor cores'),
];

const TIMES: readonly KeySpec[] = [
  instance('maximum_periodicity', 'integer', 'seconds after which a partition is processed again', {
    preset: '86400',
  }),
  instance('partition_timeout', 'integer', 'seconds that the buildout of a partition may take', {
    oldNames: ['partition-timeout'],
  }),
  grid('promise_timeout', 'integer', 'seconds that a promise may take', { preset: '20' }),
  grid('master_timeout', 'integer', 'seconds to wait for an answer of the Master', {
    preset: '60',
    isOurs: true,
  }),
  keysReadBy('node report')(
    'report_timeout',
    'integer',
    'seconds that the report scripts of a partition, or its destroy script, may take; 0: no limit',
    { preset: '900', isOurs: true },
  ),
  grid('maximal_delay', 'integer', 'longest random delay before starting, in seconds', {
    preset: '0',
  }),
  keysReadBy('node collect')('collect_cache', 'integer', 'days kept in the database', {
    preset: '15',
  }),
];

const PROCESSES: readonly KeySpec[] = [
  grid('pidfile', 'path', 'file of the process id, when there is no specific one'),
  software('pidfile_software', 'path', 'file of the process id of node software', {
    preset: '/opt/slapos/slapgrid-sr.pid',
  }),
  instance('pidfile_instance', 'path', 'file of the process id of node instance and promise', {
    preset: '/opt/slapos/slapgrid-cp.pid',
  }),
  keysReadBy('node report')('pidfile_report', 'path', 'file of the process id of node report', {
    preset: '/opt/slapos/slapgrid-ur.pid',
  }),
  supervisor(
    'forbid_supervisord_automatic_launch',
    'boolean',
    'whether commands never start the supervisor by themselves',
    { preset: 'false' },
  ),
];

export const NODE_KEYS: readonly KeySpec[] = [
  ...IDENTITY,
  ...FOLDERS,
  ...BUILDING,
  ...TIMES,
  ...PROCESSES,
];
