import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A question that fits any repository, when none is given: about what it calls itself. */
export function defaultQuestion(folder: string, repo: string): string {
  const name = packageName(folder) ?? repo;
  return existsSync(join(folder, 'README.md'))
    ? `What is ${name} and how is it used?`
    : `What does ${name} do?`;
}

function packageName(folder: string): string | undefined {
  try {
    const { name } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name?: unknown };
    return typeof name === 'string' && name !== '' ? name : undefined;
  } catch {
    return undefined;
  }
}
