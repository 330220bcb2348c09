import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface IndexConfig {
  include: string[];
  exclude: string[];
}

export const CONFIG_FILE = 'cogo.config.json';

/**
 * `index.include` and `index.exclude` (`.gitignore` patterns) of the repository's `cogo.config.json`. A repository
 * without one, or without that part, has neither; one that cannot be understood is reported and not obeyed.
 */
export async function readIndexConfig(root: string): Promise<{ config: IndexConfig; warning?: string }> {
  const config: IndexConfig = { include: [], exclude: [] };
  let text: string;
  try {
    text = await readFile(join(root, CONFIG_FILE), 'utf8');
  } catch {
    return { config };
  }
  try {
    const parsed: unknown = JSON.parse(text);
    const index = isRecord(parsed) && parsed['index'] !== undefined ? parsed['index'] : {};
    if (!isRecord(index)) throw new Error('"index" must be an object');
    for (const key of ['include', 'exclude'] as const) {
      const patterns = index[key] ?? [];
      if (!Array.isArray(patterns) || !patterns.every((one) => typeof one === 'string')) {
        throw new Error(`"index.${key}" must be a list of patterns`);
      }
      config[key] = patterns;
    }
    return { config };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { config: { include: [], exclude: [] }, warning: `ignored: ${why}` };
  }
}

/** `entries` of `cogo.config.json`: files where the program begins, repo-relative. */
export async function readEntries(root: string): Promise<string[]> {
  try {
    const parsed: unknown = JSON.parse(await readFile(join(root, CONFIG_FILE), 'utf8'));
    const entries = isRecord(parsed) ? parsed['entries'] : undefined;
    if (!Array.isArray(entries)) return [];
    return entries
      .filter((one): one is string => typeof one === 'string')
      .map((one) => one.replace(/^\.\//, ''));
  } catch {
    return []; // readIndexConfig reports what is wrong with the file
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
