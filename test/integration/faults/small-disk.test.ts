/**
 * Commands on a real disk that has room for a few pages, or turns read-only: they say so, lose nothing,
 * and end as ever once there is room.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SCENES } from '../../support/fault-scenes.ts';
import { buildTracer, runTraced } from '../../support/fault-tracer.ts';
import { compareLines } from '../../support/fault-tree.ts';
import type { FaultScene } from '../../support/fault-walk.ts';
import { requires } from '../../support/requires.ts';
import { mountSmallDisk, type SmallDisk } from '../../support/small-disk.ts';

const TIMEOUT_MS = 60_000;

requires(
  'root',
  'netns',
  'unotify',
)('a disk without room', () => {
  let disk: SmallDisk;
  let tracer: ReturnType<typeof buildTracer>;
  beforeAll(() => {
    disk = mountSmallDisk();
    tracer = buildTracer();
  });
  afterAll(() => {
    tracer.remove();
    disk.remove();
  });

  const run = (scene: FaultScene) =>
    runTraced(tracer.program, { ...scene.command(), timeoutMs: TIMEOUT_MS });

  /** The command while the disk is bad, and then while it is good. */
  async function suffer(scene: FaultScene, spoil: () => void, mend: () => void, reason: RegExp) {
    await scene.reset();
    spoil();
    const { output, status } = await run(scene).finally(mend);
    expect(output).toMatch(reason);
    expect(output).not.toMatch(/bug of slapos|^\s+at /m);
    const lost = async () => (await scene.findLosses?.()) ?? [];
    expect(await lost()).toEqual([]);
    scene.repair?.();
    expect((await run(scene)).status).toBe(0);
    expect(await lost()).toEqual([]);
    return status;
  }

  // What a supervisor writes to keeps a disk from being remounted.
  it.each([
    ['software', [0, 4], true],
    ['instance', [0, 4], false],
    ['format', [0, 4], true],
    ['collect', [0, 4], true],
    ['proxy', [0, 20], true],
  ] as const)('%s', async (name, pages, isRemounted) => {
    const scene = await SCENES[name]?.();
    if (scene === undefined) throw new Error(`no scene ${name}`);
    try {
      await scene.reset();
      expect((await run(scene)).status).toBe(0);
      const wanted = await scene.state();
      const check = async () => expect(compareLines(wanted, await scene.state())).toEqual([]);
      for (const left of pages) {
        await suffer(scene, () => disk.fill(left), disk.empty, /ENOSPC|disk is full/);
        await check();
      }
      if (!isRemounted) return;
      const turn = (isReadOnly: boolean) => () => disk.setReadOnly(isReadOnly);
      await suffer(scene, turn(true), turn(false), /EROFS|readonly database/);
      await check();
    } finally {
      await scene.close();
    }
  });
});
