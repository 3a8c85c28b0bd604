// SHA256SUMS of what lies in build/packages, as sha256sum(1) reads it.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { outputFolder } from './work.mjs';

export function writeChecksums() {
  const lines = readdirSync(outputFolder)
    .filter((name) => name !== 'SHA256SUMS')
    .sort()
    .map((name) => {
      const content = readFileSync(join(outputFolder, name));
      return `${createHash('sha256').update(content).digest('hex')}  ${name}\n`;
    });
  writeFileSync(join(outputFolder, 'SHA256SUMS'), lines.join(''));
}
