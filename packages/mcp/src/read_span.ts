import type { Span } from '@cogo/knowledge/answer/span.ts';
import { failure, ok } from '@cogo/spec/result.ts';
import { z } from 'zod';
import { tool } from './tool.ts';

/** Lines of one answer: what an agent reads at once without losing its place. */
const MAX_LINES = 2000;

export const readSpanTool = tool({
  name: 'read_span',
  title: 'Read lines of an indexed file',
  description:
    'The text of an indexed file as of its published generation: a chunk by the chunk_id that search gave, or lines of a path. Lines that belong to no chunk are left out and listed as gaps.',
  input: {
    chunk_id: z.union([z.number().int(), z.string().regex(/^\d{1,19}$/)]).optional(),
    path: z.string().min(1).max(1000).optional(),
    start_line: z.number().int().min(1).default(1),
    end_line: z.number().int().min(1).optional(),
    repo: z.string().max(400).optional(),
  },
  async run({ chunk_id, path, start_line, end_line, repo }, { rpc, projectId, signal }) {
    if ((chunk_id === undefined) === (path === undefined)) {
      return failure('validation_failed', 'Give either chunk_id or path.', {
        details: { field: 'chunk_id' },
      });
    }
    const last = Math.min(end_line ?? start_line + MAX_LINES - 1, start_line + MAX_LINES - 1);
    if (last < start_line) {
      return failure('validation_failed', 'end_line must not be before start_line.', {
        details: { field: 'end_line' },
      });
    }
    const found =
      chunk_id === undefined
        ? await rpc.call<Span[]>(
            'span_chunks',
            { project_id: projectId, path, first_line: start_line, last_line: last, repo: repo ?? null },
            { signal },
          )
        : await rpc.call<Span[]>('get_chunks', { project_id: projectId, ids: [chunk_id] }, { signal });
    if (!found.ok) return found;
    const [first] = found.value;
    if (!first) {
      const what = path === undefined ? `chunk ${chunk_id}` : `${path}, lines ${start_line} to ${last}`;
      return failure(
        'not_found',
        `The published index has no ${what}. Search again: the file may have changed.`,
      );
    }
    const range =
      chunk_id === undefined
        ? { from: start_line, to: last }
        : { from: first.start_line, to: first.end_line };
    const { lines, gaps } = joined(found.value, range);
    return ok({
      repo: first.repo,
      path: first.path,
      start_line: lines[0]!.line,
      end_line: lines.at(-1)!.line,
      text: lines.map((one) => one.text).join('\n'),
      gaps,
      chunk_ids: found.value.map((one) => one.chunk_id),
      commit_sha: first.commit_sha,
      generation: first.generation,
    });
  },
});

/** The lines of chunks within a range, each once, and what lies between them in no chunk. */
function joined(chunks: Span[], range: { from: number; to: number }) {
  const byLine = new Map<number, string>();
  for (const chunk of chunks) {
    chunk.text.split('\n').forEach((text, at) => {
      const line = chunk.start_line + at;
      if (line >= range.from && line <= range.to && line <= chunk.end_line) byLine.set(line, text);
    });
  }
  const lines = [...byLine].sort(([a], [b]) => a - b).map(([line, text]) => ({ line, text }));
  const gaps: [number, number][] = [];
  lines.forEach(({ line }, at) => {
    const before = lines[at - 1];
    if (before && line > before.line + 1) gaps.push([before.line + 1, line - 1]);
  });
  return { lines, gaps };
}
