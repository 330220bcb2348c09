import type { RawChunk } from '../languages/chunk.ts';

/** What a file is beside the thing itself. */
export type FileRole = 'test' | 'migration' | 'data';

/** A file that tests, shows or measures the thing instead of being it. */
export function isTestPath(path: string): boolean {
  return (
    /(?:^|\/)(?:tests?|__tests__|__mocks__|fixtures?|examples?|benchmarks?|bench)\//i.test(path) ||
    /(?:[._](?:test|spec|bench)|(?:^|[/_])testing)\.[cm]?[jt]sx?$/.test(path)
  );
}

/** Migrations are history: where the schema's own source is indexed, that is the answer. Data hold words in bulk. */
export function roleOf(path: string, language: string): FileRole | undefined {
  if (isTestPath(path)) return 'test';
  if (/(?:^|\/)migrations\//.test(path)) return 'migration';
  return language === 'json' ? 'data' : undefined;
}

/** A file that only passes names on. */
export function isBarrel(chunk: Pick<RawChunk, 'kind' | 'text'>): boolean {
  return (
    chunk.kind === 'module' &&
    /^\s*(?:import|export)\b/m.test(chunk.text) &&
    !/[;{]\s*\n\s*(?:const|let|function|class)\b/.test(chunk.text)
  );
}
