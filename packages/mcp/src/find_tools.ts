import { ask } from '@cogo/knowledge/answer/ask.ts';
import { findEvidence } from '@cogo/knowledge/answer/find_evidence.ts';
import type { ScoredSpan } from '@cogo/knowledge/answer/span.ts';
import { ok } from '@cogo/spec/result.ts';
import { z } from 'zod';
import { tool } from './tool.ts';

export const searchTool = tool({
  name: 'search',
  title: 'Search the indexed code and documents',
  description:
    'Finds the places in the indexed repositories that speak of a question, best first: code by symbol, documents by section. English and Korean. Use it before reading files. Each item has a chunk_id for read_span, its path and lines.',
  input: {
    query: z.string().min(1).max(10_000).describe('Words, an identifier, an error message, or a question.'),
    limit: z.number().int().min(1).max(50).default(8),
    repo: z.string().max(400).optional().describe('Only this repository.'),
    path_prefix: z.string().max(1000).optional().describe('Only paths that begin so, such as src/.'),
    languages: z.array(z.string()).max(20).optional(),
    strategy: z.enum(['auto', 'lexical', 'vector', 'hybrid']).default('auto'),
  },
  async run({ query, limit, repo, path_prefix, languages, strategy }, context) {
    const found = await findEvidence({
      rpc: context.rpc,
      projectId: context.projectId,
      q: query,
      limit,
      strategy,
      filter: {
        ...(repo === undefined ? {} : { repo }),
        ...(path_prefix === undefined ? {} : { path_prefix }),
        ...(languages === undefined ? {} : { languages }),
      },
      questionVector: context.questionVector,
      signal: context.signal,
    });
    if (!found.ok) return found;
    const { items, route, generation, degraded } = found.value;
    return ok({ generation, route, ...(degraded ? { degraded } : {}), items: items.map(spanOf) });
  },
});

export const askTool = tool({
  name: 'ask',
  title: 'Ask about the indexed code and documents',
  description:
    'Answers with sentences quoted from the indexed repositories, each with its citation, checked against the lines it cites; refuses when nothing supports an answer. No language model is asked.',
  input: {
    question: z.string().min(1).max(4000),
    limit: z.number().int().min(1).max(50).default(8).describe('Places to read.'),
    repo: z.string().max(400).optional().describe('Only this repository.'),
  },
  async run({ question, limit, repo }, context) {
    const asked = await ask({
      rpc: context.rpc,
      projectId: context.projectId,
      q: question,
      limit,
      ...(repo === undefined ? {} : { filter: { repo } }),
      ...(context.questionVector ? { questionVector: context.questionVector } : {}),
      signal: context.signal,
    });
    if (!asked.ok) return asked;
    const { answer, found } = asked.value;
    const { text, refused, language, citations } = answer;
    const { generation, degraded } = found;
    return ok({ generation, ...(degraded ? { degraded } : {}), refused, language, text, citations });
  },
});

function spanOf(span: ScoredSpan): Record<string, unknown> {
  const {
    chunk_id,
    repo,
    path,
    start_line,
    end_line,
    kind,
    symbol,
    heading,
    text,
    score,
    commit_sha,
    generation,
  } = span;
  return {
    chunk_id,
    repo,
    path,
    start_line,
    end_line,
    kind,
    ...(symbol === null ? {} : { symbol }),
    ...(heading === null ? {} : { heading }),
    text,
    score: Number(score.toFixed(4)),
    commit_sha,
    generation,
  };
}
