import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';
import { gitFolder } from './head_commit.ts';

/** A file git tracks. */
export interface TrackedFile {
  /** As git writes it in six octal digits: `100644`, `120000` a symbolic link, `160000` a submodule. */
  mode: string;
  /** Under the folder asked about, with `/`. */
  path: string;
}

/** Settings under which the index is elsewhere, is another one, or has another form. */
const UNUSUAL = /^\s*\[\s*(?:extensions|include)|worktree|bare\s*=\s*(?:true|yes|on|1)/im;

/**
 * What `git ls-files --stage` lists under `root`, read from git's own index: starting git costs a large process more than all
 * else of a run over one changed file. Undefined where it is not plainly readable (a split or sparse index, SHA-256, a work tree
 * elsewhere, a damaged file): then ask git.
 */
export async function trackedFiles(root: string): Promise<TrackedFile[] | undefined> {
  const git = await gitFolder(root);
  if (!git) return undefined;
  try {
    const common = resolve(
      git.home,
      (await orNothing(join(git.home, 'commondir')))?.toString().trim() ?? '.',
    );
    const config = await readFile(join(common, 'config'), 'utf8');
    if (UNUSUAL.test(config)) return undefined;
    const index = await orNothing(join(git.home, 'index'));
    const all = index ? indexEntries(index) : [];
    const prefix = relative(git.top, root).replaceAll(sep, '/');
    if (prefix === '' || all === undefined) return all;
    return all.flatMap(({ mode, path }) =>
      path.startsWith(`${prefix}/`) ? [{ mode, path: path.slice(prefix.length + 1) }] : [],
    );
  } catch {
    return undefined;
  }
}

const HEADER = 12;
const HASH = 20;
/** Where in an entry: its mode, its flags (after times, place, owner, size and hash), and what comes after them. */
const MODE = 24;
const FLAGS = 60;
const EXTENDED = 0x4000;

/** Versions 2 to 4 with SHA-1, see git's gitformat-index(5); undefined for any other, and for a damaged one. Throws when it ends too soon. */
export function indexEntries(bytes: Buffer): TrackedFile[] | undefined {
  const end = bytes.length - HASH;
  if (end < HEADER || bytes.toString('latin1', 0, 4) !== 'DIRC') return undefined;
  const version = bytes.readUInt32BE(4);
  if (version < 2 || version > 4 || !isWhole(bytes, end)) return undefined;
  const entries: TrackedFile[] = [];
  let at = HEADER;
  let name: Buffer = Buffer.alloc(0);
  for (let left = bytes.readUInt32BE(8); left > 0; left -= 1) {
    const start = at;
    const mode = bytes
      .readUInt32BE(at + MODE)
      .toString(8)
      .padStart(6, '0');
    const isExtended = version > 2 && (bytes.readUInt16BE(at + FLAGS) & EXTENDED) !== 0;
    at += FLAGS + (isExtended ? 4 : 2);
    let kept = 0;
    if (version === 4) {
      // how much of the name before goes, from its end
      let byte = bytes[at++]!;
      let dropped = byte & 127;
      while (byte & 128) {
        byte = bytes[at++]!;
        dropped = ((dropped + 1) << 7) + (byte & 127);
      }
      kept = name.length - dropped;
    }
    const stop = bytes.indexOf(0, at);
    if (stop < 0 || stop >= end || kept < 0) return undefined;
    const rest = bytes.subarray(at, stop);
    name = kept === 0 ? rest : Buffer.concat([name.subarray(0, kept), rest]);
    // up to 8 NULs, so that the next one begins at a multiple of 8 from this one
    at = version === 4 ? stop + 1 : start + ((stop - start + 8) & ~7);
    entries.push({ mode, path: name.toString('utf8') });
  }
  for (; at < end; at += 8 + bytes.readUInt32BE(at + 4)) {
    // an extension in small letters changes what the entries mean: `link` (split), `sdir` (sparse)
    if (bytes[at]! >= 0x61) return undefined;
  }
  return entries;
}

/** The hash at the end is right, or left out (`index.skipHash`). */
function isWhole(bytes: Buffer, end: number): boolean {
  const said = bytes.subarray(end);
  return (
    said.every((byte) => byte === 0) ||
    createHash('sha1').update(bytes.subarray(0, end)).digest().equals(said)
  );
}

async function orNothing(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return undefined;
    throw error;
  }
}
