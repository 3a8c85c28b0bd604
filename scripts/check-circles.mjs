// Circles of imports among the files of src/, imports of types included: what is in one can be
// understood, tested and moved only together.
import { dirname, join, normalize } from 'node:path';
import { importsOf } from './check-layers.mjs';

function graphOf(files, read) {
  const known = new Set(files);
  const graph = new Map();
  for (const file of files) {
    const targets = importsOf(file, read(file))
      .filter((target) => target.startsWith('.'))
      .map((target) => normalize(join(dirname(file), target)))
      .filter((target) => known.has(target));
    graph.set(file, targets);
  }
  return graph;
}

/** The shortest way from a file back to itself, or undefined. */
function circleThrough(start, graph) {
  const cameFrom = new Map();
  const queue = [start];
  for (const file of queue) {
    for (const next of graph.get(file)) {
      if (next === start) return wayTo(file, cameFrom, start);
      if (cameFrom.has(next)) continue;
      cameFrom.set(next, file);
      queue.push(next);
    }
  }
  return undefined;
}

function wayTo(end, cameFrom, start) {
  const way = [end];
  while (way[0] !== start) way.unshift(cameFrom.get(way[0]));
  return way;
}

/** Each circle once, as `a → b → a`; a dynamic import counts, since it is a use all the same. */
export function importCircles(files, read) {
  const graph = graphOf(
    files.filter((name) => /^src\/.*\.ts$/.test(name)),
    read,
  );
  const told = new Set();
  const problems = [];
  for (const file of graph.keys()) {
    if (told.has(file)) continue;
    const circle = circleThrough(file, graph);
    if (circle === undefined) continue;
    for (const member of circle) told.add(member);
    problems.push([...circle, file].join(' → '));
  }
  return problems;
}
