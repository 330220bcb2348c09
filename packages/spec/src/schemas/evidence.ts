// What a search finds, and what an answer cites.
import { z } from 'zod';
import { bigintId } from './fields.ts';

export const strategy = z.enum(['auto', 'lexical', 'vector', 'hybrid', 'graph']);

export const searchFilter = z.object({
  repo: z.string().max(500).optional(),
  path_prefix: z.string().max(1000).optional(),
  languages: z.array(z.string().max(40)).max(50).optional(),
  kinds: z.array(z.string().max(40)).max(50).optional(),
});

/** A chunk that matched, with where it is and why it came. */
export const span = z
  .object({
    chunk_id: bigintId,
    repo: z.string(),
    path: z.string(),
    language: z.string().nullable().optional(),
    kind: z.string(),
    symbol: z.string().nullable().optional(),
    signature: z.string().nullable().optional(),
    heading: z.string().nullable().optional(),
    start_line: z.int().min(1),
    end_line: z.int().min(1),
    text: z.string(),
    score: z.number(),
    signals: z.record(z.string(), z.number()).optional().describe('Score by signal; with `explain`.'),
    commit_sha: z.string().nullable().optional(),
    generation: bigintId.optional(),
  })
  .meta({ id: 'Span' });

/** A place in the evidence; `quote` occurs verbatim in the chunk's text. */
export const citation = z
  .object({
    n: z.int().min(1).describe('The number in the text, as in `[1]`.'),
    chunk_id: bigintId,
    repo: z.string(),
    path: z.string(),
    start_line: z.int().min(1),
    end_line: z.int().min(1),
    quote: z.string(),
    commit_sha: z.string().nullable().optional(),
  })
  .meta({ id: 'Citation' });

export const usage = z
  .object({
    prompt_tokens: z.int().nonnegative(),
    completion_tokens: z.int().nonnegative(),
    total_tokens: z.int().nonnegative(),
    cost_usd: z.number().nonnegative().nullable().describe('null when the price is unknown; never guessed.'),
    estimated: z.boolean().optional().describe('true when the provider did not report the counts.'),
  })
  .meta({ id: 'Usage' });

export type Span = z.infer<typeof span>;
export type Citation = z.infer<typeof citation>;
export type Usage = z.infer<typeof usage>;
export type Strategy = z.infer<typeof strategy>;
export type SearchFilter = z.infer<typeof searchFilter>;

/** Why a search went without vectors although the project has them. */
export const degraded = z
  .object({ code: z.string(), message: z.string() })
  .optional()
  .describe('Searched by words only, and why: the embedding model could not be asked.');
