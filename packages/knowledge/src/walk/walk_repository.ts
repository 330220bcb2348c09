import { realpath } from 'node:fs/promises';
import { dirname, sep } from 'node:path';
import ignore from 'ignore';
import { isSecretPath, skipByPath } from '../policy/path_policy.ts';
import { type Candidate, caseClashes, type Skipped, uniqueByPath, type Walk } from './candidates.ts';
import { folderFiles } from './folder_files.ts';
import { gitFiles } from './git_files.ts';

export interface WalkOptions {
  /** Absolute and real. */
  root: string;
  /** Untracked files that are not ignored count too. */
  untracked?: boolean;
  /** `.gitignore` patterns; when there are any, only matching files are taken, even from vendored folders. */
  include?: string[];
  exclude?: string[];
  /** Asks whether the working tree is that of the commit; without it, `isClean` is false. */
  status?: boolean;
  signal?: AbortSignal | undefined;
}

/** The files of a repository worth reading, in path order, and why the others are not. Throws only when aborted. */
export async function walkRepository(options: WalkOptions): Promise<Walk> {
  const { root, signal } = options;
  const warnings: string[] = [];
  const git = await gitFiles(root, {
    untracked: options.untracked ?? false,
    status: options.status ?? false,
    signal,
  });
  signal?.throwIfAborted();
  if ('unavailable' in git && !/not a git repository/.test(git.unavailable)) {
    warnings.push(`git could not list the files (${git.unavailable}); the folder was walked instead`);
  }
  const listed = 'unavailable' in git ? await folderFiles(root, signal) : git;
  const skipped: Skipped[] = [...listed.skipped];
  const chosen = await insideRoot(root, choose(listed.found, options, skipped), skipped);
  const candidates = uniqueByPath(chosen, skipped);
  warnings.push(...caseClashes(candidates));
  return {
    candidates,
    skipped,
    warnings,
    by: 'unavailable' in git ? 'folder' : 'git',
    isClean: 'isClean' in git && git.isClean,
    ...('commit' in git && git.commit ? { commit: git.commit } : {}),
  };
}

function choose(found: Candidate[], options: WalkOptions, skipped: Skipped[]): Candidate[] {
  const include = options.include?.length ? ignore().add(options.include) : undefined;
  const exclude = options.exclude?.length ? ignore().add(options.exclude) : undefined;
  return found.filter(({ path }) => {
    if (exclude?.ignores(path)) return skip(path, 'excluded by cogo.config.json');
    if (include && !include.ignores(path)) return skip(path, 'not included by cogo.config.json');
    const why = include && !isSecretPath(path) ? undefined : skipByPath(path);
    return why === undefined ? true : skip(path, why);
  });

  function skip(path: string, why: string): false {
    skipped.push({ path, why });
    return false;
  }
}

/** A folder on the way may have become a link to somewhere else since git recorded the path. */
async function insideRoot(root: string, found: Candidate[], skipped: Skipped[]): Promise<Candidate[]> {
  const verdicts = new Map<string, Promise<boolean>>();
  const isInside = (folder: string) => {
    const known = verdicts.get(folder);
    if (known) return known;
    const verdict = realpath(folder).then(
      (real) => real === root || real.startsWith(root.endsWith(sep) ? root : root + sep),
      () => true, // gone by now: reading it will say so
    );
    verdicts.set(folder, verdict);
    return verdict;
  };
  const inside = await Promise.all(found.map((candidate) => isInside(dirname(candidate.file))));
  return found.filter((candidate, index) => {
    if (!inside[index])
      skipped.push({ path: candidate.path, why: 'a symbolic link leads out of the repository' });
    return inside[index];
  });
}
