/** Tar archives with any member in them, also those that no program would write. */
export interface Member {
  readonly name: string;
  readonly type: string;
  readonly linkName?: string;
  readonly content?: string;
  readonly mode?: number;
}

export function renderTar(members: readonly Member[]): Buffer {
  const blocks = members.flatMap((member) => {
    const content = Buffer.from(member.content ?? '');
    return [renderHeader(member, content.length), content, padding(content.length)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

function padding(sizeBytes: number): Buffer {
  return Buffer.alloc((512 - (sizeBytes % 512)) % 512);
}

function renderHeader({ linkName = '', mode, name, type }: Member, sizeBytes: number): Buffer {
  const block = Buffer.alloc(512);
  block.write(name, 0);
  block.write(`${(mode ?? (type === '5' ? 0o755 : 0o644)).toString(8).padStart(7, '0')}\0`, 100);
  block.write('0000000\0', 108);
  block.write('0000000\0', 116);
  block.write(`${sizeBytes.toString(8).padStart(11, '0')}\0`, 124);
  block.write('00000000000\0', 136);
  block.write(type, 156);
  block.write(linkName, 157);
  block.write('ustar\u000000', 257);
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}
