import type { Span } from '../answer/span.ts';
import { sentencesOf } from '../answer/prose.ts';

export const INJECTIONS = ['number', 'identifier', 'negation'] as const;
export type Injection = (typeof INJECTIONS)[number];

/** A true sentence of a span, and what became of it. */
export interface Injected {
  span: Span;
  kind: Injection;
  truth: string;
  lie: string;
}

const IDENTIFIER = /`[A-Za-z_$][\w$.]*(?:\(\))?`|\b[a-z]+(?:[A-Z][a-z0-9]+)+\b|\b[a-z]+(?:_[a-z0-9]+)+\b/;
const NUMBER = /(?<![\w.,-])\d{1,5}(?![\w.,]*\w)/;

/** Sentences of prose and comments that state something, long enough to be told apart. */
export function statementsOf(span: Span): string[] {
  return sentencesOf(span)
    .map((sentence) => sentence.reading)
    .filter(
      (text) =>
        text.length >= 40 &&
        text.length <= 300 &&
        text.split(/\s+/).length >= 7 &&
        /[.。다요]$/.test(text) &&
        !/[“”"[\]{}<>|=]|https?:|\?$/.test(text) &&
        (text.match(/`/g)?.length ?? 0) % 2 === 0,
    );
}

/**
 * One error of each kind a sentence has room for: a number swapped for one the span does not have, an identifier for
 * one of another file, a denial put in or taken out. Deterministic for the same `random`.
 */
export function injectErrors(
  span: Span,
  truth: string,
  foreignNames: readonly string[],
  random: () => number,
): Injected[] {
  const lies: [Injection, string | undefined][] = [
    ['number', swapNumber(span, truth, random)],
    ['identifier', swapIdentifier(span, truth, foreignNames, random)],
    ['negation', negate(truth)],
  ];
  return lies.flatMap(([kind, lie]) =>
    lie !== undefined && lie !== truth ? [{ span, kind, truth, lie }] : [],
  );
}

function swapNumber(span: Span, truth: string, random: () => number): string | undefined {
  const found = NUMBER.exec(truth)?.[0];
  if (found === undefined) return undefined;
  for (let tries = 0; tries < 20; tries += 1) {
    const other = String(Number(found) + 1 + Math.floor(random() * 9));
    const isThere = new RegExp(`(?<!\\d)${other}(?!\\d)`).test(
      `${span.text} ${span.start_line} ${span.end_line}`,
    );
    if (!isThere) return truth.replace(NUMBER, other);
  }
  return undefined;
}

function swapIdentifier(
  span: Span,
  truth: string,
  foreignNames: readonly string[],
  random: () => number,
): string | undefined {
  const found = IDENTIFIER.exec(truth)?.[0];
  if (found === undefined || foreignNames.length === 0) return undefined;
  for (let tries = 0; tries < 20; tries += 1) {
    const other = foreignNames[Math.floor(random() * foreignNames.length)]!;
    if (span.text.includes(other) || span.path.includes(other)) continue;
    return truth.replace(found, () => (found.startsWith('`') ? `\`${other}\`` : other));
  }
  return undefined;
}

const AUXILIARY = /\b(is|are|was|were|can|must|may|does|do|will|should)\b(?! not\b|n't)/;

function negate(truth: string): string | undefined {
  if (/[가-힣]/.test(truth)) {
    if (/지 않는다\.$/.test(truth)) return truth.replace(/지 않는다\.$/, 'ㄴ다.');
    return /한다\.$/.test(truth) ? truth.replace(/한다\.$/, '하지 않는다.') : undefined;
  }
  if (/\b(?:is|are|was|were|can|must|may|does|do|will|should) not\b/.test(truth))
    return truth.replace(/ not\b/, '');
  if (/\bnever\b/.test(truth)) return truth.replace(/\bnever\b/, 'always');
  return AUXILIARY.test(truth) ? truth.replace(AUXILIARY, '$1 not') : undefined;
}
