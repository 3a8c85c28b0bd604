/**
 * Every error code of the project with its meaning. `docs/errors.md` lists the same codes; a test
 * compares the two in both directions.
 */
export const ERROR_CATALOGUE = {
  SLAPOS_ERR_USAGE: 'A command-line option, value or argument is wrong.',
  SLAPOS_ERR_UNKNOWN_COMMAND: 'The words on the command line name no command.',
  SLAPOS_ERR_NOT_ROOT: 'The command needs root and the caller is another user.',
  SLAPOS_ERR_NOT_AVAILABLE: 'The command is known but this version cannot do it yet.',
  SLAPOS_ERR_CONFIG_MISSING: 'The configuration file does not exist.',
  SLAPOS_ERR_CONFIG_UNREADABLE: 'The configuration file cannot be read.',
  SLAPOS_ERR_CONFIG_SYNTAX: 'The configuration file breaks the rules of its dialect.',
  SLAPOS_ERR_CONFIG_INTERPOLATION: 'A value holds a % that does not name another key.',
  SLAPOS_ERR_CONFIG_KEY_MISSING: 'A mandatory key or section is missing or empty.',
  SLAPOS_ERR_CONFIG_VALUE: 'A key holds a value that its type does not allow.',
  SLAPOS_ERR_CONFIG_FILE: 'A file or directory named by a key does not exist.',
  SLAPOS_ERR_PLAN_ADDRESS: 'No address can be given: no prefix, prefix too small or pool used up.',
  SLAPOS_ERR_PLAN_SHRINK: 'Fewer partitions are configured than the computer has.',
  SLAPOS_ERR_PLAN_CONFLICT: 'A name, uid or device is already used by something else.',
  SLAPOS_ERR_STATE_FILE: 'A state file of the node cannot be understood.',
  SLAPOS_ERR_NATIVE: 'The native addon is missing or does not match this version.',
  SLAPOS_ERR_HOST: 'The kernel refused an operation.',
  SLAPOS_ERR_NETLINK: 'The kernel refused a network change.',
  SLAPOS_ERR_GATEWAY_LOST:
    'The default gateway does not answer through the bridge: all was undone.',
  SLAPOS_ERR_TUNTAP: 'The kernel refused to create or change a tap or tun device.',
  SLAPOS_ERR_ACCOUNT: 'Users and groups could not be changed.',
  SLAPOS_ERR_SPAWN: 'A command could not be started.',
  SLAPOS_ERR_FILE: 'A file operation failed.',
  SLAPOS_ERR_UNSAFE_PATH: 'A path in a partition is a symbolic link or not what it should be.',
  SLAPOS_ERR_MASTER_UNAVAILABLE: 'The Master cannot be reached or answers with a server error.',
  SLAPOS_ERR_MASTER_NOT_FOUND: 'The Master does not know what was asked for.',
  SLAPOS_ERR_MASTER_NOT_READY: 'The Master accepted the request but has not fulfilled it yet.',
  SLAPOS_ERR_MASTER_UNAUTHENTICATED: 'The Master refused the certificate or token.',
  SLAPOS_ERR_MASTER_REFUSED: 'The Master finds the request wrong.',
  SLAPOS_ERR_MASTER_PROTOCOL: 'The Master sent something that is not the SLAP protocol.',
  SLAPOS_ERR_SLAP_XML: 'An XML document of the SLAP protocol cannot be read or written.',
  SLAPOS_ERR_BUSY: 'Another slapos process is doing the same work.',
  SLAPOS_ERR_BUILD: 'buildout failed.',
  SLAPOS_ERR_BUILDOUT_MISSING: 'No Python with zc.buildout was found.',
  SLAPOS_ERR_NO_SPACE: 'Not enough free disk space.',
  SLAPOS_ERR_PARTITION: 'A partition could not be processed.',
  SLAPOS_ERR_PROMISE_FAILED: 'A promise of a partition is not kept.',
  SLAPOS_ERR_FIREWALL: 'The firewall refused a rule or could not be reloaded.',
  SLAPOS_ERR_SUPERVISOR: 'The supervisor refused or cannot be reached.',
  SLAPOS_ERR_SUPERVISOR_CONFIG: 'The supervisor configuration is wrong.',
  SLAPOS_ERR_SUPERVISOR_FOREIGN: 'What listens on the socket is no supervisor that works.',
  SLAPOS_ERR_LISTEN: 'A server cannot listen on its address.',
  SLAPOS_ERR_DATABASE: 'A database cannot be opened, read or written.',
  SLAPOS_ERR_CANCELLED: 'A signal or a time limit ended the work.',
} as const;

/** A stable identifier that scripts and logs may rely on. */
export type ErrorCode = keyof typeof ERROR_CATALOGUE;
