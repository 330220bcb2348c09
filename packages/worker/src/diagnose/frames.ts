import type { Frame } from '@cogo/spec/job_results.ts';
import { biome, compiler, eslint, tsc } from './checkers.ts';
import { jest, nodeSpec, nodeTap, vitest } from './javascript_tests.ts';
import { cargo, goTest, pytest } from './other_tests.ts';
import { stackTraces } from './stack_trace.ts';

/** One tool's way to print failures. */
export interface Reader {
  tool: string;
  /** Whether the text is this tool's. */
  knows: RegExp;
  read(lines: string[]): Frame[];
}

/** In order: what is told by a runner is better than a bare stack trace. */
const READERS: Reader[] = [
  nodeTap,
  nodeSpec,
  vitest,
  jest,
  pytest,
  goTest,
  cargo,
  tsc,
  biome,
  eslint,
  stackTraces,
  compiler,
];

const ESCAPES = new RegExp(`${String.fromCharCode(27)}(?:\\[[0-9;?]*[A-Za-z]|\\][^\\u0007]*\\u0007)`, 'g');
const MAX_MESSAGE = 2_000;
/** Longer lines are data, and patterns take their time with them. */
const MAX_LINE = 1_000;

export interface Diagnosis {
  /** Whose output it is; null where nothing was recognised. */
  tool: string | null;
  frames: Frame[];
}

/**
 * Finds the failures in what a command printed. Paths come back relative to the repository where they lie in it.
 *
 * @param root where the workspace was seen by the command
 */
export function readFailures(output: string, root: string): Diagnosis {
  const lines = output
    .replace(ESCAPES, '')
    .replaceAll('\r', '')
    .split('\n')
    .map((line) => line.slice(0, MAX_LINE));
  const text = lines.join('\n');
  for (const reader of READERS) {
    if (!reader.knows.test(text)) continue;
    const frames = unique(reader.read(lines).map((each) => settled(each, root)));
    if (frames.length > 0) return { tool: reader.tool, frames };
  }
  return { tool: null, frames: [] };
}

function settled(frame: Frame, root: string): Frame {
  const message = frame.message.trim().slice(0, MAX_MESSAGE);
  return { ...frame, file: frame.file && relativeFile(frame.file, root), message };
}

export function relativeFile(file: string, root: string): string {
  const path = file.startsWith('file://') ? decode(file.slice('file://'.length)) : file;
  return path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path.replace(/^\.\//, '');
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function unique(frames: Frame[]): Frame[] {
  const seen = new Set<string>();
  return frames.filter((each) => {
    const key = JSON.stringify([each.file, each.line, each.column, each.test, each.message]);
    return seen.has(key) ? false : seen.add(key);
  });
}
