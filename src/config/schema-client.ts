/** Keys of `[slapproxy]` (spec/proxy.md 1) and `[slapconsole]` (spec/cli.md 3.5, 6.4). */
import { type KeySpec, keysReadBy } from './schema-key.ts';

const proxy = keysReadBy('proxy start', 'proxy show');
const ours: typeof proxy = (key, type, about, details) =>
  proxy(key, type, about, { ...details, isOurs: true, oldNames: [key.replaceAll('_', '-')] });
const client = keysReadBy('client');
const request = keysReadBy('request');
const shell = keysReadBy('console');

const SHACACHE = [
  ['shacache_content_directory', 'path', 'contents of the cache that the proxy keeps'],
  ['shacache_metadata_directory', 'path', 'directory of the cache that the proxy keeps'],
  ['shacache_signing_key_path', 'path', 'signing key of that cache'],
  ['shacache_upstream_cache_url', 'url', 'cache that misses are fetched from'],
  ['shacache_upstream_dir_url', 'url', 'directory that misses are fetched from'],
] as const;

export const PROXY_KEYS: readonly KeySpec[] = [
  proxy('database_uri', 'path', 'database file, or postgres:// address', { isRequired: true }),
  ours('state_folder', 'path', 'folder of the panel token and of dumps'),
  proxy('host', 'text', 'address to listen on', { preset: '127.0.0.1' }),
  proxy('port', 'integer', 'port to listen on', { preset: '5000' }),
  proxy('log_file', 'path', 'log of the proxy'),
  proxy('local_software_release_root', 'path', 'where relative releases start', { preset: '/' }),
  proxy('software_product_list', 'lines', 'name and URL of products'),
  proxy('peer_check', 'boolean', 'let the users of partitions act for these only', {
    preset: 'false',
    isOurs: true,
  }),
  proxy('peer_check_users', 'names', 'users who may do everything then, besides root', {
    isOurs: true,
  }),
  proxy('peer_check_networks', 'names', 'other machines that may do everything then', {
    isOurs: true,
  }),
  proxy('public_directory_path', 'path', 'folder served under /panel/public/'),
  ...SHACACHE.map(([key, type, about]) =>
    proxy(key, type, about, { oldNames: [key.replaceAll('_', '-')] }),
  ),
  ours('shacache_max_upload', 'size', 'largest content that the cache takes', { preset: '16G' }),
  ours('http_proxy_allow', 'lines', 'places the HTTP proxy may lead to; none: it is off'),
  ours('http_proxy_tls_verify', 'boolean', 'verify certificates there', { preset: 'true' }),
  ours('http_proxy_ca_file', 'path', 'authorities for that, instead of the system'),
];

export const CLIENT_KEYS: readonly KeySpec[] = [
  client('key_file', 'path', 'private key of the user'),
  client('cert_file', 'path', 'certificate of the user'),
  client('alias', 'lines', 'name and URL of software releases'),
  shell('python_slapos', 'path', 'slapos or Python that runs Python scripts'),
  request('type', 'text', 'software type when none is given'),
  request('state', 'text', 'state when none is given'),
];
