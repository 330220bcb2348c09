import { tokenize } from '@cogo/spec/tokenize.ts';
import { isTestPath } from './path_role.ts';
import type { Question } from './question.ts';
import type { ScoredSpan } from './span.ts';

/** Strengths of the ranking features, as shares of the best base score. */
export const WEIGHTS = {
  definition: 0.6,
  symbolMatch: 0.12,
  fileName: 0.4,
  folder: 0.08,
  /** The kind or language the question names ("the SQL function that …"). */
  kind: 0.1,
  coherence: 0.25,
  /** A section of a document, when someone asks how to do something. */
  document: 0.35,
  /** The opening of the README, when someone asks what the thing is that its title names. */
  overview: 0.9,
  /** Factor on chunks that show or test the thing instead of being it. */
  test: 0.65,
  barrel: 0.7,
  /** Migrations are history: where the schema's own source is indexed, that is the answer. */
  migration: 0.85,
  /** Data files hold words in bulk and explain nothing. */
  data: 0.8,
  /** Factor on a text already listed. */
  copy: 0.4,
  /** Factor on each further chunk of a file already listed. */
  repeat: 0.75,
};

/**
 * Orders candidates by what a reader means, on top of how well the words fit: the definition of what was named, a file
 * named after it, files with several hits; tests and re-exports below what they test, unless tests were asked for.
 * Pure and stable: equal scores keep the order of the candidates.
 */
export function rerank(question: Question, candidates: ScoredSpan[], limit: number): ScoredSpan[] {
  const best = candidates[0]?.score ?? 0;
  if (best <= 0) return candidates.slice(0, limit);
  const sums = new Map<string, number>();
  for (const one of candidates) sums.set(fileOf(one), (sums.get(fileOf(one)) ?? 0) + one.score);
  const topSum = Math.max(...sums.values());
  const terms = new Set(Object.keys(question.terms));
  const names = new Set(question.identifiers.map((name) => name.toLowerCase()));
  if (question.route === 'symbol') names.add(question.text.replace(/[`?!.()]+/g, '').toLowerCase());
  const wantsTests = !question.howTo && (terms.has('test') || terms.has('spec'));
  const firstOfFile = new Set<string>();

  const scored = candidates.map((one, order) => {
    const isFirst = !firstOfFile.has(fileOf(one));
    firstOfFile.add(fileOf(one));
    // What code happens to be called matters less to someone who looks for instructions.
    const named = question.howTo && one.kind !== 'section' ? 0.3 : 1;
    const features: Record<string, number> = {
      base: one.score / best,
      definition: WEIGHTS.definition * definition(one, names),
      symbol: named * WEIGHTS.symbolMatch * overlap(one.symbol ?? '', terms),
      file: named * WEIGHTS.fileName * overlap(baseName(one.path), terms),
      folder: WEIGHTS.folder * overlap(one.path.split('/').slice(0, -1).join(' '), terms),
      kind: WEIGHTS.kind * (terms.has(one.kind) || terms.has(one.language ?? '') ? 1 : 0),
      document: question.howTo && one.kind === 'section' ? WEIGHTS.document : 0,
      overview: WEIGHTS.overview * overview(question, one, terms),
      coherence: isFirst ? WEIGHTS.coherence * (sums.get(fileOf(one))! / topSum) : 0,
    };
    let score = 0;
    for (const value of Object.values(features)) score += value;
    if (!wantsTests && isTestPath(one.path)) score *= WEIGHTS.test;
    if (/(?:^|\/)migrations\//.test(one.path)) score *= WEIGHTS.migration;
    if (one.language === 'json' && !terms.has('json')) score *= WEIGHTS.data;
    if (isBarrel(one)) score *= WEIGHTS.barrel;
    return { one, order, score, features };
  });
  return spread(scored)
    .slice(0, limit)
    .map(({ one, score, features }) => ({
      ...one,
      score,
      ...(one.signals ? { signals: { ...one.signals, ...features } } : {}),
    }));
}

interface Scored {
  one: ScoredSpan;
  order: number;
  score: number;
  features: Record<string, number>;
}

/** Greedy order in which each further chunk of a listed file counts less, so that one file does not fill the list. */
function spread(scored: Scored[]): Scored[] {
  const byFile = new Map<string, number>();
  const texts = new Set<string>();
  const sorted = scored.toSorted((a, b) => b.score - a.score || a.order - b.order);
  for (const item of sorted) {
    const seen = byFile.get(fileOf(item.one)) ?? 0;
    byFile.set(fileOf(item.one), seen + 1);
    item.score *= WEIGHTS.repeat ** seen * (texts.has(item.one.text) ? WEIGHTS.copy : 1);
    texts.add(item.one.text);
  }
  return sorted.toSorted((a, b) => b.score - a.score || a.order - b.order);
}

function fileOf(span: ScoredSpan): string {
  return `${span.repo}\0${span.path}`;
}

/** 1 when the chunk defines a name that was asked for, 0.6 when it is a member of that name. */
function definition(span: ScoredSpan, names: ReadonlySet<string>): number {
  if (!span.symbol || names.size === 0) return 0;
  const symbol = span.symbol.toLowerCase();
  const parts = symbol.split('.');
  if (names.has(symbol)) return isHead(span) ? 1 : 0.7;
  if (names.has(parts.at(-1)!)) return isHead(span) ? 0.9 : 0.6;
  return names.has(parts[0]!) ? 0.3 : 0;
}

/** A long symbol is split: the part with its signature is the one to open. */
function isHead(span: ScoredSpan): boolean {
  const start = span.signature?.slice(0, 24).split(/\s+/)[0];
  return start === undefined || span.text.includes(start);
}

/** Share of the words of a name that the question has. */
function overlap(name: string, terms: ReadonlySet<string>): number {
  const words = new Set(tokenize(name.replace(/\W+/g, ' ')));
  if (words.size === 0) return 0;
  let shared = 0;
  for (const word of words) if (terms.has(word)) shared += 1;
  return shared / words.size;
}

/** 1 for the first section of the top README, 0.4 further down the tree, when its title is what was asked about. */
function overview(question: Question, span: ScoredSpan, terms: ReadonlySet<string>): number {
  if (!question.overview || span.start_line > 1) return 0;
  const [folders, name] = [span.path.split('/').slice(0, -1), span.path.split('/').at(-1)!];
  if (!/^readme\.(?:md|mdx|rst|txt)$/i.test(name)) return 0;
  return overlap(span.heading ?? span.symbol ?? '', terms) >= 0.5 ? (folders.length === 0 ? 1 : 0.4) : 0;
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1).replace(/\.[^.]*$/, '');
}

/** A file that only passes names on. */
function isBarrel(span: ScoredSpan): boolean {
  return (
    span.kind === 'module' &&
    /^\s*(?:import|export)\b/m.test(span.text) &&
    !/[;{]\s*\n\s*(?:const|let|function|class)\b/.test(span.text)
  );
}
