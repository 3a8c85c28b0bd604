const ERASE = '\x1b[K';

/**
 * What a terminal shows after these characters: lines wrap at its width, and of the control
 * sequences it knows only "erase to the end of the line". Anything else is an error of the program.
 */
export function renderScreen(written: string, columns: number): string[] {
  const lines: string[] = [''];
  let [row, column] = [0, 0];
  const set = (text: string) => {
    const line = (lines[row] ?? '').padEnd(column);
    lines[row] = line.slice(0, column) + text + line.slice(column + text.length);
    column += text.length;
  };
  const down = () => {
    row += 1;
    lines[row] ??= '';
  };
  for (const token of written
    .split(ERASE)
    .flatMap((text) => [ERASE, ...text])
    .slice(1)) {
    if (token === ERASE) lines[row] = (lines[row] ?? '').slice(0, column);
    else if (token === '\r') column = 0;
    else if (token === '\n') down();
    else if (token < ' ') throw new Error(`a terminal was sent ${JSON.stringify(token)}`);
    else {
      if (column === columns) {
        down();
        column = 0;
      }
      set(token);
    }
  }
  return lines.map((line) => line.trimEnd());
}
