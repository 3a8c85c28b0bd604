// Links of the documents: each leads to a file or folder of the project, and to a heading in it.
import { dirname, join, normalize } from 'node:path';

const LINK = /\]\(([^)\s]+)\)/g;

/** The anchor that forges make of a heading. */
function anchorOf(heading) {
  return heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\- _]/gu, '')
    .trim()
    .replaceAll(' ', '-');
}

function anchorsOf(text) {
  const withoutCode = text.replace(/^```.*?^```/gms, '');
  return new Set([...withoutCode.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading)));
}

/** Every folder that holds one of the files. */
function foldersOf(files) {
  const parents = (file) =>
    file
      .split('/')
      .slice(0, -1)
      .map((_, index, names) => names.slice(0, index + 1).join('/'));
  return new Set(files.flatMap(parents));
}

/** @returns the links that lead nowhere, as `FILE: LINK` */
export function brokenLinks(files, read) {
  const known = new Set([...files, ...foldersOf(files)]);
  const isBroken = (document, link) => {
    const [path, anchor] = link.split('#');
    const target = path === '' ? document : normalize(join(dirname(document), path));
    const name = target.replace(/\/$/, '');
    if (!known.has(name)) return true;
    return anchor !== undefined && name.endsWith('.md') && !anchorsOf(read(name)).has(anchor);
  };
  return files
    .filter((file) => file.endsWith('.md'))
    .flatMap((document) =>
      [...read(document).matchAll(LINK)]
        .map(([, link]) => link)
        .filter((link) => !/^[a-z]+:/.test(link) && isBroken(document, link))
        .map((link) => `${document}: ${link}`),
    );
}
