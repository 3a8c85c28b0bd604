import { describe, expect, it, vi } from 'vitest';
import { MemoryNode } from '../../support/instance-failures.ts';

/** A node with calls of the Master and of the supervisor in one trace, and commands that hang. */
function tracedNode(partitions: number, jobs: number) {
  const node = new MemoryNode({ partitions, jobs });
  const { machine } = node;
  const trace: string[] = [];
  machine.gate = (operation, moment) => {
    const isTold = /^(supervisor|master\.report)/.test(operation);
    if (moment === 'after' && isTold) trace.push(operation);
  };
  const plain = machine.command;
  const hanging = new Map<string, Promise<void>>();
  machine.command = async (argv, cwd) => {
    const words = argv.join(' ');
    for (const [part, end] of hanging) if (words.includes(part) || cwd.includes(part)) await end;
    return plain(argv, cwd);
  };
  const hang = (part: string) => {
    let end = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    hanging.set(part, ended);
    return () => {
      hanging.delete(part);
      end();
    };
  };
  return { node, trace, hang };
}

const started = (id: string) => [`supervisor.startGroup ${id}`, `master.reportStarted ${id}`];

describe('a pass', () => {
  it('changes all services in one update', async () => {
    const { node, trace } = tracedNode(3, 2);
    expect(await node.run('instance')).toBe(0);
    expect(trace.filter((each) => each === 'supervisor.update')).toHaveLength(1);
    expect(trace[0]).toBe('supervisor.update');
    for (const id of ['slappart0', 'slappart1', 'slappart2']) {
      expect(trace.filter((each) => each.endsWith(id))).toEqual(started(id));
    }
  });

  it('finishes what changed while the promises of others are waited for', async () => {
    const { node, trace, hang } = tracedNode(3, 1);
    await node.run('instance');
    trace.length = 0;
    node.machine.nowMs += 3_600_000;
    node.wish({ parameters: { timestamp: '2' } });
    const release = hang('slappart1/etc/promise');
    const over = vi.fn();
    const pass = node.run('instance').finally(over);
    await vi.waitFor(() => expect(trace).toContain('master.reportStarted slappart0'));
    expect(node.machine.entries.get('/instance/slappart0/.timestamp')?.text).toBe('2');
    expect(over).not.toHaveBeenCalled();
    release();
    expect(await pass).toBe(0);
    expect(trace).toEqual(['supervisor.update', ...started('slappart0')]);
  });
});
