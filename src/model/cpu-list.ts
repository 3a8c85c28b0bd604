/** Numbers of a list such as `0,2-3` (cpuset(7), List format); empty for anything else. */
export function parseCpuList(text: string): readonly number[] {
  return text
    .trim()
    .split(',')
    .flatMap((part) => {
      const range = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part.trim());
      if (range === null) return [];
      const first = Number(range[1]);
      const last = Number(range[2] ?? first);
      return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
    });
}
