/** A file the walk found. `path` is what is stored, `file` what the operating system opens. */
export interface Candidate {
  /** Repo-relative, POSIX separators, NFC. */
  path: string;
  /** Absolute. */
  file: string;
}

export interface Skipped {
  path: string;
  why: string;
}

export interface Walk {
  candidates: Candidate[];
  skipped: Skipped[];
  warnings: string[];
  /** Commit checked out, when it is a git repository with one. */
  commit?: string;
  /** The working tree is that of the commit: nothing is changed, nor untracked if such files count. */
  isClean: boolean;
  /** `git` when the tracked files were listed, `folder` when the tree was walked. */
  by: 'git' | 'folder';
}

/**
 * Sorts by path and keeps one file per stored path: two names that differ only in Unicode form (macOS stores NFD)
 * are one path to every reader.
 */
export function uniqueByPath(found: Candidate[], skipped: Skipped[]): Candidate[] {
  const byPath = new Map<string, Candidate>();
  for (const candidate of found) {
    if (byPath.has(candidate.path)) {
      skipped.push({ path: candidate.path, why: 'same path as another file after Unicode normalisation' });
    } else byPath.set(candidate.path, candidate);
  }
  return [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

/** Paths that are one to a file system without letter case, which most of Windows and macOS are: there one hides the other. */
export function caseClashes(candidates: readonly Candidate[]): string[] {
  const byFolded = new Map<string, string[]>();
  for (const { path } of candidates) {
    const folded = path.toLowerCase();
    byFolded.set(folded, [...(byFolded.get(folded) ?? []), path]);
  }
  return [...byFolded.values()]
    .filter((paths) => paths.length > 1)
    .map(
      (paths) =>
        `${paths.join(' and ')} differ in letter case only: some file systems can hold but one of them`,
    );
}

export function storedPath(relative: string): string {
  return relative.normalize('NFC');
}

/** A name that is not UTF-8 comes back from the operating system with replacement characters: it cannot be opened. */
export function isBrokenName(path: string): boolean {
  return path.includes('\ufffd');
}
