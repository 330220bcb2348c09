// Label sets as files. A malformed line is an error that names the file and the line: a set read in part measures
// something else.
import { readFile } from 'node:fs/promises';
import { failure, ok, type Result } from '@cogo/spec/result.ts';

/** A row of `corpus.jsonl`: `{_id, title?, text, path?}`. */
export interface CorpusRow {
  id: string;
  title: string;
  text: string;
  /** Where the text comes from; makes the row part of that file. */
  path?: string;
}

export interface QueryRow {
  id: string;
  text: string;
}

/** What a case of localisation is: `{query, files[], secondary?[], sha?, parent?, root?}`. */
export interface LocalisationCase {
  query: string;
  /** Repository-relative; `secondary` ones count as well. */
  files: string[];
  /** The tree to index: `parent`, or the parent of `sha`, or the one checked out. */
  sha?: string;
  parent?: string;
  /** Only files under this folder. */
  root?: string;
}

export async function readCorpus(file: string): Promise<Result<CorpusRow[]>> {
  const seen = new Set<string>();
  return readLines(file, (row) => {
    const id = text(row['_id']);
    if (id === undefined || id === '') return 'it has no _id';
    if (seen.has(id)) return `the _id ${id} occurs twice`;
    if (typeof row['text'] !== 'string') return 'it has no text';
    seen.add(id);
    const { path } = row;
    return {
      id,
      title: text(row['title']) ?? '',
      text: row['text'],
      ...(typeof path === 'string' ? { path } : {}),
    };
  });
}

export async function readQueries(file: string): Promise<Result<QueryRow[]>> {
  const seen = new Set<string>();
  return readLines(file, (row) => {
    const id = text(row['_id']);
    if (id === undefined || id === '') return 'it has no _id';
    if (seen.has(id)) return `the _id ${id} occurs twice`;
    if (typeof row['text'] !== 'string') return 'it has no text';
    seen.add(id);
    return { id, text: row['text'] };
  });
}

/** `query-id <tab> corpus-id <tab> score`, with or without a head line; scores of 0 and less are not relevant. */
export async function readQrels(file: string): Promise<Result<Map<string, Map<string, number>>>> {
  const content = await readText(file);
  if (!content.ok) return content;
  const judged = new Map<string, Map<string, number>>();
  for (const [index, line] of content.value.split(/\r?\n/).entries()) {
    if (line.trim() === '') continue;
    const [query, document, score, ...more] = line.split('\t');
    const gain = Number(score);
    if (index === 0 && Number.isNaN(gain)) continue;
    if (document === undefined || !score?.trim() || Number.isNaN(gain) || more.length > 0) {
      return malformed(file, index + 1, 'it is not query-id, corpus-id and score, separated by tabs');
    }
    if (gain <= 0) continue;
    if (!judged.has(query!)) judged.set(query!, new Map());
    judged.get(query!)!.set(document, gain);
  }
  return ok(judged);
}

export async function readCases(file: string): Promise<Result<LocalisationCase[]>> {
  return readLines(file, (row) => {
    const list = (value: unknown): string[] | undefined =>
      Array.isArray(value) && value.every((one) => typeof one === 'string') ? value : undefined;
    const files = list(row['files']);
    if (typeof row['query'] !== 'string' || row['query'].trim() === '') return 'it has no query';
    if (!files || files.length === 0) return 'files is not a list of paths';
    for (const name of ['sha', 'parent', 'root']) {
      if (row[name] !== undefined && typeof row[name] !== 'string') return `${name} is not a string`;
    }
    const { query, sha, parent, root } = row as {
      query: string;
      sha?: string;
      parent?: string;
      root?: string;
    };
    return {
      query,
      files: [...new Set([...files, ...(list(row['secondary']) ?? [])])],
      ...(sha === undefined ? {} : { sha }),
      ...(parent === undefined ? {} : { parent }),
      ...(root === undefined ? {} : { root }),
    };
  });
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : undefined;
}

/** One object a line; `parse` answers a row, or what is wrong with it. Blank lines are passed over. */
async function readLines<T extends object>(
  file: string,
  parse: (row: Record<string, unknown>) => T | string,
): Promise<Result<T[]>> {
  const content = await readText(file);
  if (!content.ok) return content;
  const rows: T[] = [];
  for (const [index, line] of content.value.split(/\r?\n/).entries()) {
    if (line.trim() === '') continue;
    let row: unknown;
    try {
      row = JSON.parse(line);
    } catch {
      return malformed(file, index + 1, 'it is not JSON');
    }
    if (typeof row !== 'object' || row === null || Array.isArray(row)) {
      return malformed(file, index + 1, 'it is not a JSON object');
    }
    const parsed = parse(row as Record<string, unknown>);
    if (typeof parsed === 'string') return malformed(file, index + 1, parsed);
    rows.push(parsed);
  }
  if (rows.length === 0) return failure('bad_request', `${file} has no row.`);
  return ok(rows);
}

async function readText(file: string): Promise<Result<string>> {
  try {
    return ok((await readFile(file, 'utf8')).replace(/^\uFEFF/, ''));
  } catch (error) {
    const code = (error as { code?: string }).code ?? 'unknown';
    return failure('not_found', `${file} cannot be read (${code}).`);
  }
}

function malformed(file: string, line: number, why: string): { ok: false; error: never } {
  return failure('bad_request', `${file}:${line}: ${why}.`, { details: { file, line } }) as never;
}
