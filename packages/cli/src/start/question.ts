import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Questions that fit any repository, when none is given: about what it calls itself, best first. The next one is asked
 * when the sources hold no answer to the one before.
 */
export function defaultQuestions(folder: string, repo: string): string[] {
  const title = readmeTitle(folder);
  const name = packageName(folder) ?? title ?? repo;
  return [
    ...new Set([
      title === undefined ? `What does ${name} do?` : `What is ${title}?`,
      `What is ${name}?`,
      `What does ${repo} do?`,
    ]),
  ];
}

function packageName(folder: string): string | undefined {
  try {
    const { name } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name?: unknown };
    return typeof name === 'string' && name !== '' ? name : undefined;
  } catch {
    return undefined;
  }
}

const MAX_TITLE = 60;

/** The first heading of the README, without links, images and marks. */
function readmeTitle(folder: string): string | undefined {
  const file = existsSync(folder)
    ? readdirSync(folder).find((name) => /^readme\.md$/i.test(name))
    : undefined;
  if (!file) return undefined;
  const heading = /^# +(.+)$/m.exec(readFileSync(join(folder, file), 'utf8'))?.[1];
  const plain = heading
    ?.replace(/!\[[^\]]*\]\([^)]*\)/g, '')
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/<[^>]*>|[*_`#]/g, '')
    .trim();
  return plain && plain.length <= MAX_TITLE ? plain : undefined;
}
