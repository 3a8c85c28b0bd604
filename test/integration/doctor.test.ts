/** `slapos node doctor` on a real node. */
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { RealNode } from '../support/real-node.ts';
import { requires } from '../support/requires.ts';

const FOLDER = '/srv/doctor-node';

requires('root', 'netns')('the doctor', () => {
  let node: RealNode;
  beforeAll(() => {
    const slapformat = { interface_name: 'doc0', partition_amount: 2, typo_of_a_key: 1 };
    node = new RealNode({ folder: FOLDER, port: 5382, slapformat });
  });
  afterAll(async () => {
    await node.stopProxy();
    spawnSync('ip', ['link', 'del', 'doc0']);
    rmSync(FOLDER, { recursive: true });
  });

  const doctor = async () => {
    const { status, stdout } = await node.run(
      'ours',
      'node',
      'doctor',
      '--format',
      'json',
      '--cfg',
      node.config,
    );
    const { findings } = JSON.parse(stdout) as {
      findings: Array<{ severity: string; subject: string; text: string; fix: string }>;
    };
    const problems = findings.filter(({ severity }) => severity === 'problem');
    return { status, findings, problems: problems.map(({ subject }) => subject) };
  };

  it('finds what is missing', async () => {
    const { status, findings, problems } = await doctor();
    expect(status).toBe(1);
    expect(problems).toEqual(['interface', 'master']);
    expect(findings.map(({ text }) => text).join()).toContain("Unknown key 'typo_of_a_key'");
  });

  it('finds it mended', async () => {
    for (const words of [
      'link add doc0 type bridge',
      'link set doc0 up',
      'addr add 2001:db8:d::1/64 dev doc0',
    ]) {
      expect(spawnSync('ip', words.split(' ')).status).toBe(0);
    }
    await node.startProxy('ours');
    await node.ours('node', 'format', '--now', '--cfg', node.config);
    const { status, problems } = await doctor();
    expect([status, problems]).toEqual([0, []]);
  });
});
