import { afterEach, describe, expect, it, vi } from 'vitest';
import { createBatches } from '../../../src/instance/batches.ts';
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

  describe('with a buildout that does not end', () => {
    afterEach(() => vi.useRealTimers());

    /** Lets everything happen that waits for no timer. */
    const settle = () => vi.advanceTimersByTimeAsync(0);

    it('finishes the others after ten seconds, and that one with an update of its own', async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      const { node, trace, hang } = tracedNode(4, 2);
      const release = hang('/instance/slappart1');
      const over = vi.fn();
      const pass = node.run('instance').finally(over);
      await vi.advanceTimersByTimeAsync(9900);
      expect(trace).toEqual([]);
      await vi.advanceTimersByTimeAsync(200);
      const others = ['slappart0', 'slappart2', 'slappart3'];
      for (const id of others) {
        expect(trace.filter((each) => each.endsWith(id))).toEqual(started(id));
        expect(node.machine.entries.get(`/instance/${id}/.timestamp`)?.text).toBe('1');
      }
      expect(trace).toHaveLength(1 + 2 * others.length);
      expect(trace[0]).toBe('supervisor.update');
      expect(over).not.toHaveBeenCalled();
      release();
      expect(await pass).toBe(0);
      expect(trace.slice(7)).toEqual(['supervisor.update', ...started('slappart1')]);
      expect(vi.getTimerCount()).toBe(0);
    });

    it('takes those along that are ready while an update goes on', async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      const opening = vi.fn();
      const supervisor = new MemoryNode().machine.supervisor();
      let end = () => {};
      const update = async () => {
        await new Promise<void>((resolve) => {
          end = resolve;
        });
        return [];
      };
      const openSupervisor = async () => ({ ...supervisor, update });
      const reserve = createBatches(openSupervisor, new AbortController().signal);
      const [early, late, slow] = [reserve(), reserve(), reserve()];
      const first = early.take(true).then((open) => open());
      await vi.advanceTimersByTimeAsync(10_000);
      void late.take(true).then(opening);
      await settle();
      expect(opening).toHaveBeenCalled();
      end();
      await first;
      slow.giveUp();
      expect(vi.getTimerCount()).toBe(0);
    });

    it('lets nobody wait once the pass is to end', async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      const stop = new AbortController();
      const supervisor = new MemoryNode().machine.supervisor();
      const reserve = createBatches(async () => supervisor, stop.signal);
      const [early, late] = [reserve(), reserve(), reserve()];
      const waiting = early.take(true);
      stop.abort();
      await waiting;
      await late.take(true);
      expect(vi.getTimerCount()).toBe(0);
    });
  });
});
