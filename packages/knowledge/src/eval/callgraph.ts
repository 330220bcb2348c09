import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { RecordedCall } from '../graph/record/record_run.ts';
import { type CallGraphScore, scoreCallGraph, truthFiles, truthName } from '../graph/callgraph_truth.ts';
import { scoreSymbols, type SymbolScore } from '../graph/symbol_truth.ts';
import { type Estimate, mulberry32 } from './bootstrap.ts';

export interface CallGraphReport {
  kind: 'callgraph';
  /** Sums over all files; intervals by drawing files with replacement. */
  recall: Estimate;
  precision: Estimate;
  truth: number;
  found: number;
  common: number;
  files: Array<Omit<CallGraphScore, 'file'> & { file: string; recall: number; precision: number }>;
  /** With traces: the same call by call once what call traces (`.jsonl`, with the ends of places) saw is added. */
  merged?: { found: number; common: number; recall: number; precision: number };
  /** Call graphs whose sources are not there, or that the analysis broke on, with the reason. */
  skipped: Array<{ file: string; why: string }>;
  /** With traces or types: calls between symbols as the index has them, before and after the traces are added. */
  symbols?: {
    truth: number;
    traces: number;
    static: { found: number; common: number; recall: number; precision: number };
    merged: { found: number; common: number; recall: number; precision: number };
  };
  ms: number;
}

const DRAWS = 2000;

/**
 * Recall and precision of the static call graph against recorded ones (jelly's format) in a folder, call by call. Edges
 * of `super(…)` and JSX do not count: recorders have no call for them. A correct edge that no recorded run took counts
 * against precision.
 */
export async function evalCallGraph(
  folder: string,
  onProgress: (note: string) => void = () => {},
  more: { traces?: string | undefined; types?: boolean | undefined } = {},
): Promise<CallGraphReport> {
  const files: CallGraphReport['files'] = [];
  const skipped: CallGraphReport['skipped'] = [];
  const started = performance.now();
  const all = truthFiles(folder);
  const scored: SymbolScore[] = [];
  const withSymbols = more.traces !== undefined || more.types === true;
  for (const [at, path] of all.entries()) {
    const file = truthName(folder, path);
    onProgress(`${at + 1}/${all.length} ${file}`);
    try {
      const seen = more.traces === undefined ? undefined : recordedCalls(more.traces, path);
      const score = scoreCallGraph(path, seen);
      if (score)
        files.push({
          ...score,
          file,
          recall: part(score.common, score.truth),
          precision: part(score.common, score.found),
        });
      else skipped.push({ file, why: 'its sources are not beside it' });
      if (score && withSymbols) scored.push(await scoreSymbols(path, more.traces, more.types));
    } catch (error) {
      skipped.push({ file, why: error instanceof Error ? error.message : String(error) });
    }
  }
  const sum = (key: 'truth' | 'found' | 'common') => files.reduce((total, one) => total + one[key], 0);
  const withSeen = (key: 'found' | 'common') =>
    files.reduce((total, one) => total + (one.merged?.[key] ?? 0), 0);
  const merged = {
    found: withSeen('found'),
    common: withSeen('common'),
    recall: part(withSeen('common'), sum('truth')),
    precision: part(withSeen('common'), withSeen('found')),
  };
  return {
    kind: 'callgraph',
    recall: ratio(files, 'truth'),
    precision: ratio(files, 'found'),
    truth: sum('truth'),
    found: sum('found'),
    common: sum('common'),
    files,
    skipped,
    ...(more.traces === undefined ? {} : { merged }),
    ...(withSymbols ? { symbols: symbolSums(scored) } : {}),
    ms: Math.round(performance.now() - started),
  };
}

/** Calls of `NAME.jsonl` that tell where they end; other lines are for the graph of symbols alone. */
function recordedCalls(folder: string, file: string): RecordedCall[] {
  const trace = join(folder, `${basename(file, '.json')}.jsonl`);
  if (!existsSync(trace)) return [];
  const rows = readFileSync(trace, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Partial<RecordedCall>);
  return rows.filter((row): row is RecordedCall => Boolean(row.from?.end_line && row.to?.end_line));
}

function symbolSums(scores: readonly SymbolScore[]): NonNullable<CallGraphReport['symbols']> {
  const sum = (key: keyof SymbolScore) => scores.reduce((total, one) => total + one[key], 0);
  const truth = sum('truth');
  const side = (found: number, common: number) => ({
    found,
    common,
    recall: part(common, truth),
    precision: part(common, found),
  });
  return {
    truth,
    traces: sum('traces'),
    static: side(sum('static'), sum('staticCommon')),
    merged: side(sum('merged'), sum('mergedCommon')),
  };
}

/** Nothing to find is found. */
function part(common: number, of: number): number {
  return of === 0 ? 1 : common / of;
}

function ratio(files: CallGraphReport['files'], of: 'truth' | 'found'): Estimate {
  const random = mulberry32(20_261_121);
  const of100 = (picked: CallGraphReport['files']) =>
    part(
      picked.reduce((total, one) => total + one.common, 0),
      picked.reduce((total, one) => total + one[of], 0),
    );
  const draws = Array.from({ length: DRAWS }, () =>
    of100(files.map(() => files[Math.floor(random() * files.length)]!)),
  ).sort((a, b) => a - b);
  const at = (share: number) => draws[Math.min(DRAWS - 1, Math.floor(share * DRAWS))] ?? 1;
  return { mean: of100(files), low: at(0.025), high: at(0.975), n: files.length };
}
