/** Judgements about configuration, certificate, Master, clock and supervisor. Pure. */
import type { CertificateFacts, DoctorFacts } from './facts.ts';
import { type Finding, fine, problem, warning } from './finding.ts';

const DAY_MS = 86_400_000;
const SOON_MS = 30 * DAY_MS;
/** Tokens and certificates bear a little; logs of several machines do not fit together beyond. */
const CLOCK_TOLERANCE_MS = 60_000;

export function judgeConfiguration({ configurationProblems }: DoctorFacts): Finding[] {
  const subject = 'configuration';
  if (configurationProblems.length === 0) return [fine(subject, 'Every key is known.')];
  const fix = '`slapos config show` prints what is in effect.';
  return configurationProblems.map((text) => warning(subject, `${text}.`, fix));
}

export function judgeCertificate(facts: DoctorFacts): Finding[] {
  return facts.certificate === undefined ? [] : judgeFiles(facts.certificate, facts.nowMs);
}

function judgeFiles(facts: CertificateFacts, nowMs: number): Finding[] {
  const { certificate, certFile, keyFile, keyMode } = facts;
  const subject = 'certificate';
  if (keyMode === undefined) {
    return [problem(subject, `${keyFile} does not exist.`, '`slapos node register` gets one.')];
  }
  if (certificate === undefined) {
    return [problem(subject, `${certFile}: ${facts.reason}.`, '`slapos node register` gets one.')];
  }
  const date = new Date(certificate.expiresAtMs).toISOString().slice(0, 10);
  const left = certificate.expiresAtMs - nowMs;
  const findings = [
    (keyMode & 0o077) !== 0 &&
      problem(subject, `Others may read ${keyFile}.`, `chmod 600 ${keyFile}`),
    !certificate.isOfKey &&
      problem(
        subject,
        `${certFile} does not belong to ${keyFile}.`,
        'Put the pair that was given together back.',
      ),
    left <= 0 && problem(subject, `${certFile} expired on ${date}.`, 'Get another one.'),
    left > 0 &&
      left < SOON_MS &&
      warning(subject, `${certFile} expires on ${date}.`, 'Get another one before that.'),
  ].filter((finding) => finding !== false);
  return findings.length > 0
    ? findings
    : [fine(subject, `${certificate.subject} is valid until ${date}.`)];
}

export function judgeMaster({ master }: DoctorFacts): Finding[] {
  if (master === undefined) return [];
  const { clockAheadMs, failure, hint, url } = master;
  const clock =
    clockAheadMs === undefined || Math.abs(clockAheadMs) <= CLOCK_TOLERANCE_MS
      ? []
      : [
          problem(
            'clock',
            `The clock of this machine is ${describeShift(-clockAheadMs)} the Master's.`,
            'Let systemd-timesyncd or chrony set it: `timedatectl set-ntp true`',
          ),
        ];
  if (failure !== '') return [problem('master', failure, hint), ...clock];
  return [fine('master', `${url} answers for this computer.`), ...clock];
}

function describeShift(aheadMs: number): string {
  const seconds = Math.round(Math.abs(aheadMs) / 1000);
  return `${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'}`;
}

export function judgeSupervisor({ supervisor }: DoctorFacts): Finding[] {
  switch (supervisor.state) {
    case 'running':
      return [fine('supervisor', 'It runs.')];
    case 'foreign':
      return [
        warning(
          'supervisor',
          "Another supervisord runs this node's services.",
          '`slapos node supervisorctl shutdown`, then `slapos node supervisord`: services stop once.',
        ),
      ];
    default:
      return [
        warning('supervisor', 'It does not run.', '`slapos node supervisord` or `node instance`.'),
      ];
  }
}
