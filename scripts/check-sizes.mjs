// Size limits that biome does not know: 400 lines a file, 60 lines a C++ function, folder depth 3.
const MAX_FILE_LINES = 400;
const MAX_FUNCTION_LINES = 60;
const MAX_DEPTH = 3;

/** C++ functions at namespace level: they end with a `}` in the first column (clang-format). */
function longFunctions(file, text) {
  const problems = [];
  let start = -1;
  text.split('\n').forEach((line, index) => {
    if (
      /^[A-Za-z_~].*[({,]$/.test(line) &&
      !/^(namespace|struct|class|enum|union|extern)\b/.test(line)
    ) {
      if (start < 0) start = index;
    } else if (/^[A-Za-z_#/]/.test(line)) {
      start = -1;
    }
    if (line === '}' || line === '};') {
      const length = index - start + 1;
      if (line === '}' && start >= 0 && length > MAX_FUNCTION_LINES) {
        problems.push(
          `${file}:${start + 1}: function of ${length} lines, at most ${MAX_FUNCTION_LINES}`,
        );
      }
      start = -1;
    }
  });
  return problems;
}

/** Problems as `file: what` lines; `read` gives the text of a tracked file. */
export function sizeViolations(files, read) {
  const problems = [];
  for (const file of files) {
    if (!/^(src|native|test|bench|scripts|bin)\/.*\.(ts|mjs|js|cc|h|c|py|sh)$/.test(file)) continue;
    if (/\/fixtures\//.test(file)) continue;
    const text = read(file);
    const lines = text.split('\n').length - 1;
    if (lines > MAX_FILE_LINES) problems.push(`${file}: ${lines} lines, at most ${MAX_FILE_LINES}`);
    if (/\.(cc|h|c)$/.test(file)) problems.push(...longFunctions(file, text));
    if (file.startsWith('src/') && file.split('/').length > MAX_DEPTH + 1) {
      problems.push(`${file}: folders nest deeper than ${MAX_DEPTH}`);
    }
  }
  return problems;
}
