import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { temporaryFolder } from '../sandbox/testing.ts';

/** Writes files below a folder; a path of `.bin` is executable. */
export function writeFiles(dir: string, files: Record<string, string | Buffer>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), content, { mode: path.includes('/.bin/') ? 0o755 : 0o644 });
  }
}

/** Runs git in a repository of a test, with an identity and the date given. */
export function gitIn(repo: string, ...args: string[]): string {
  return execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.com', '-C', repo, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], HOME: '/nonexistent', GIT_CONFIG_NOSYSTEM: '1' },
  }).trim();
}

/** A repository with one commit for each set of files. @returns its folder and the commits, oldest first */
export function repositoryOfCommits(
  t: TestContext,
  ...commits: Record<string, string | Buffer>[]
): { repo: string; commits: string[]; dir: string } {
  const dir = temporaryFolder(t);
  const repo = join(dir, 'repo');
  mkdirSync(repo);
  gitIn(repo, 'init', '-q', '-b', 'main');
  const made = commits.map((files, i) => {
    writeFiles(repo, files);
    gitIn(repo, 'add', '-A');
    gitIn(repo, 'commit', '-q', '--allow-empty', '-m', `commit ${i}`);
    return gitIn(repo, 'rev-parse', 'HEAD');
  });
  return { repo, commits: made, dir };
}
