/**
 * Runs inside the virtual machine of `npm run test:vm -- --scene package`: the life of a node that the
 * Debian package runs under systemd, from the installation over reboots to its removal and back.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { say } from './console.ts';
import { cutPower, thirdBoot } from './package-cut.ts';
import { firstBoot } from './package-install.ts';
import { secondBoot } from './package-reboot.ts';

const PHASE = '/var/lib/vm-phase';

async function play(): Promise<void> {
  const phase = existsSync(PHASE) ? readFileSync(PHASE, 'utf8') : 'new';
  if (phase === 'new') {
    say(`kernel ${release()}`);
    await firstBoot();
    writeFileSync(PHASE, 'rebooted');
    say('rebooting');
    execFileSync('systemctl', ['reboot']);
  } else if (phase === 'rebooted') {
    await secondBoot();
    cutPower(PHASE);
  } else {
    await thirdBoot();
    say('finished');
    execFileSync('systemctl', ['poweroff']);
  }
}

play().catch((error: Error) => {
  say(`not ok the guest: ${error.stack}`);
  execFileSync('systemctl', ['poweroff', '--force']);
});
