import { version } from '../../package.json';

/** Version of this package. */
export const PACKAGE_VERSION: string = version;

/** What `slapos --version` prints. */
export function versionLine(): string {
  return `slapos ${PACKAGE_VERSION} (Node.js ${process.version})\n`;
}
