import { contentHash, documentRow, EXTRACTOR_VERSION, type FileRow } from './document.ts';
import { decodeText, skipByContent } from './policy/content_policy.ts';
import { readSource } from './read_source.ts';
import type { Candidate } from './walk/candidates.ts';

export type ReadDocument =
  | { kind: 'row'; path: string; row: FileRow }
  | { kind: 'unchanged'; path: string }
  | { kind: 'gone'; path: string }
  /** `keep`: the version already indexed may stay. */
  | { kind: 'skipped'; path: string; why: string; keep: boolean };

/** Files read ahead of the one being parsed. */
const READ_AHEAD = 16;

/** Every candidate, in order, as rows to write or the reason why not. Throws only when aborted. */
export async function* readDocuments(
  candidates: Candidate[],
  known: ReadonlyMap<string, { content_hash: string; extractor: string }>,
  signal?: AbortSignal,
): AsyncGenerator<ReadDocument> {
  const ahead: Array<ReturnType<typeof readSource>> = [];
  for (const [index, candidate] of candidates.entries()) {
    signal?.throwIfAborted();
    while (ahead.length <= index + READ_AHEAD && ahead.length < candidates.length) {
      ahead.push(readSource(candidates[ahead.length]!.file));
    }
    const read = await ahead[index]!;
    delete ahead[index]; // its bytes need not outlive it
    const { path } = candidate;
    if (read.kind === 'gone') yield { kind: 'gone', path };
    else if (read.kind === 'skipped') yield { ...read, path };
    else yield await toDocument(path, read.bytes, known.get(path));
  }
}

async function toDocument(
  path: string,
  bytes: Buffer,
  before: { content_hash: string; extractor: string } | undefined,
): Promise<ReadDocument> {
  if (before?.extractor === EXTRACTOR_VERSION && before.content_hash === contentHash(bytes)) {
    return { kind: 'unchanged', path };
  }
  try {
    const decoded = decodeText(bytes);
    if (!decoded.ok) return { kind: 'skipped', path, why: decoded.why, keep: false };
    const why = skipByContent(decoded.text, path);
    if (why !== undefined) return { kind: 'skipped', path, why, keep: false };
    return { kind: 'row', path, row: await documentRow(path, bytes, decoded.text) };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { kind: 'skipped', path, why: `could not be cut into chunks: ${message}`, keep: false };
  }
}
