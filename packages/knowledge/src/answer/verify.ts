import { tokenize } from '@cogo/spec/tokenize.ts';
import { coverage, spanTokens, weigh } from './evidence.ts';
import { isLabel, templateText } from './phrases.ts';
import { LINK } from './prose.ts';
import { readQuestion } from './question.ts';
import type { Lexicon, Span } from './span.ts';

/** A sentence of an answer with the numbers of the spans it cites. */
export interface Claim {
  text: string;
  citations: number[];
}

export type Fault =
  | 'uncited'
  | 'unknown_citation'
  | 'identifier_not_in_span'
  | 'number_not_in_span'
  | 'quote_not_in_span'
  | 'negation_differs'
  | 'not_covered';

export interface Verdict {
  claim: Claim;
  ok: boolean;
  faults: Array<{ fault: Fault; what?: string }>;
}

export interface Verified {
  /** The sentences that stand, as one text; empty when none does. */
  text: string;
  kept: Claim[];
  dropped: Verdict[];
  /** True when nothing is left: say so, do not invent. */
  refused: boolean;
}

export interface VerifyOptions {
  claims: Claim[];
  /** The spans issued for this answer by the number they may be cited with. */
  spans: ReadonlyMap<number, Span>;
  lexicon?: Lexicon;
}

/** Share of a sentence's weight its cited spans must speak of. */
const MIN_COVERAGE = 0.6;

/**
 * Holds every sentence of an answer against the spans it cites: identifiers, numbers, paths and quotations must stand
 * there as written, the words must be the span's, and a denial must be a denial there. What fails is dropped; a sentence
 * that cites a number that was never issued is dropped as well. Lexical and deterministic: it sees swapped facts, not
 * wrong conclusions from right ones.
 */
export function verifyAnswer(options: VerifyOptions): Verified {
  const verdicts = options.claims.map((claim) => verifyClaim(claim, options.spans, options.lexicon));
  const kept = verdicts.filter((verdict) => verdict.ok).map((verdict) => verdict.claim);
  const supported = kept.some((claim) => claim.citations.length > 0);
  return {
    text: supported ? kept.map((claim) => claim.text).join('\n') : '',
    kept: supported ? kept : [],
    dropped: verdicts.filter((verdict) => !verdict.ok),
    refused: !supported,
  };
}

/** One sentence against its spans. */
export function verifyClaim(claim: Claim, spans: ReadonlyMap<number, Span>, lexicon?: Lexicon): Verdict {
  if (isLabel(claim.text)) return { claim, ok: true, faults: [] };
  if (claim.citations.length === 0) return { claim, ok: false, faults: [{ fault: 'uncited' }] };
  const unknown = claim.citations.filter((n) => !spans.has(n));
  if (unknown.length > 0) {
    return { claim, ok: false, faults: unknown.map((n) => ({ fault: 'unknown_citation', what: `[${n}]` })) };
  }
  const cited = claim.citations.map((n) => spans.get(n)!);
  const text = withoutCitations(claim.text);
  const evidence = cited.map(evidenceText).join('\n');
  const faults: Verdict['faults'] = [
    ...missing(quotationsOf(text), (quote) => flat(evidence).includes(flat(quote)), 'quote_not_in_span'),
    ...missing(identifiersOf(text), (name) => hasWord(evidence, name), 'identifier_not_in_span'),
    ...missing(numbersOf(text), (number) => hasWord(evidence, number), 'number_not_in_span'),
    ...missing(
      placesOf(text),
      (line) => cited.some((span) => isInside(span, Number(line))),
      'number_not_in_span',
    ),
  ];
  const covered = coverageOf(text, cited, lexicon);
  if (covered < MIN_COVERAGE) faults.push({ fault: 'not_covered', what: covered.toFixed(2) });
  else if (deniesOtherwise(text, evidence)) faults.push({ fault: 'negation_differs' });
  return { claim, ok: faults.length === 0, faults };
}

/** An answer as a model writes it, cut into sentences with their `[n]`. A code block belongs to the marks after it. */
export function splitClaims(text: string): Claim[] {
  const claims: Claim[] = [];
  let from = 0;
  for (const block of text.matchAll(/^(`{3,})[^\n]*\n[\s\S]*?^\1[ \t]*$(?:\s*\[\d+\])*/gm)) {
    claims.push(...splitProse(text.slice(from, block.index)), toClaim(block[0]));
    from = block.index + block[0].length;
  }
  return [...claims, ...splitProse(text.slice(from))];
}

/** A sentence ends at its full stop and the marks after it, or at the end of the line; a quotation is never cut. */
const SENTENCE = /(?:“[^”]*”|[^“]|“(?![^”]*”))+?(?:[.!?。]["”’)]*(?:\s*\[\d+\])*(?=\s+[^\s\p{Ll}]|\s*$)|$)/gu;

function splitProse(text: string): Claim[] {
  return text
    .split(/\n+/)
    .flatMap((line) => line.match(SENTENCE) ?? [])
    .map((sentence) => sentence.trim())
    .filter((sentence) => /[\p{L}\p{N}]/u.test(sentence))
    .map(toClaim);
}

function toClaim(text: string): Claim {
  const citations = [...proseOf(text).matchAll(/\[(\d+)\]/g)].map((match) => Number(match[1]));
  return { text: text.trim(), citations: [...new Set(citations)] };
}

/** `[n]` in code is an index, not a citation. */
const CODE = /^(`{3,})[\s\S]*?^\1[ \t]*$|(`+)[^`](?:[\s\S]*?[^`])?\2(?!`)/gm;

function proseOf(text: string): string {
  return text.replace(CODE, ' ');
}

function withoutCitations(text: string): string {
  let out = '';
  let from = 0;
  for (const code of text.matchAll(CODE)) {
    out += text.slice(from, code.index).replace(/\s*\[\d+\]/g, '') + code[0];
    from = code.index + code[0].length;
  }
  return out + text.slice(from).replace(/\s*\[\d+\]/g, '');
}

/** What a sentence may take from a span: its text, and what it is called and where it stands. */
function evidenceText(span: Span): string {
  const names = [span.path, span.symbol, span.heading, span.kind, span.language, span.repo];
  return [
    // A full stop each: what the span is called is no part of what its first sentence denies.
    `${names.filter((name) => name !== null).join(' ')} .`,
    `${span.start_line} ${span.end_line} .`,
    span.text,
  ].join('\n');
}

function* missing(
  things: Iterable<string>,
  isThere: (thing: string) => boolean,
  fault: Fault,
): Generator<{ fault: Fault; what: string }> {
  for (const thing of things) if (!isThere(thing)) yield { fault, what: thing };
}

/** Quoted sentences and code blocks: whole, apart from white space and comment marks. */
function quotationsOf(text: string): string[] {
  const fenced = [...text.matchAll(/^(`{3,})[^\n]*\n([\s\S]*?)\n?\1\s*$/gm)].map((match) => match[2]!);
  const rest = text.replace(/^(`{3,})[\s\S]*?\1\s*$/gm, '');
  const quoted = [...rest.matchAll(/“([^”]{3,})”|"([^"\n]{12,})"/g)].map((match) => match[1] ?? match[2]!);
  return [...fenced, ...quoted];
}

function flat(text: string): string {
  return text
    .replace(/^\s*(?:\/\*+|\*+\/|\*(?!\*)|\/\/+|--+|#+|>|[-+]\s)/gm, ' ')
    .replace(/\*\//g, ' ')
    .replace(LINK, '$1')
    .replace(/(?:^|\s+)[|—](?=\s|$)/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
}

/** Code spans, paths and words only code is written with. */
function identifiersOf(text: string): string[] {
  const outside = withoutQuotations(text);
  const found = new Set<string>();
  for (const match of outside.matchAll(/(`+)\s?(.+?)\s?\1/g)) found.add(match[2]!);
  const bare = outside.replace(/(`+)\s?.+?\s?\1/g, ' ');
  for (const [word] of bare.matchAll(/[A-Za-z_$][\w$]*(?:[./:-][\w$]+)*/g)) {
    if (/[a-z0-9][A-Z]|[a-z0-9]_[a-z0-9]|[\w$]\.[a-z]\w|\w\/\w+\.\w|^[A-Z][A-Z0-9_]{3,}$/.test(word))
      found.add(word);
  }
  return [...found];
}

/** `lines 3–8`, `3–8행` and `` `path`:12 `` say where, not how many. */
const PLACE = /\blines? (\d+)(?:[–-](\d+))?|(\d+)(?:[–-](\d+))?행|(?<=`):(\d+)/g;

function placesOf(text: string): string[] {
  return [...withoutQuotations(text).matchAll(PLACE)].flatMap((match) =>
    match.slice(1).filter((line) => line !== undefined),
  );
}

function isInside(span: Span, line: number): boolean {
  return span.start_line <= line && line <= span.end_line;
}

function numbersOf(text: string): string[] {
  const rest = withoutQuotations(text)
    .replace(PLACE, ' ')
    .replace(/(`+).+?\1/g, ' ');
  return [...new Set([...rest.matchAll(/(?<![\w.])\d+(?:[.,]\d+)*(?![\w])/g)].map(([number]) => number))];
}

/** What is quoted is held against the span as a whole; the rest is the answerer's own words. */
function withoutQuotations(text: string): string {
  return text.replace(/^(`{3,})[\s\S]*?\1\s*$/gm, ' ').replace(/“[^”]*”/g, ' ');
}

/** As a whole word: `12` is not in `120`, `lease` not in `release`. */
function hasWord(text: string, word: string): boolean {
  const isWordy = (character: string | undefined) =>
    character !== undefined && /[\p{L}\p{N}_$]/u.test(character);
  const bare = word.replace(/\(\)$/, '');
  for (let at = text.indexOf(bare); at >= 0; at = text.indexOf(bare, at + 1)) {
    const before = isWordy(bare[0]) && isWordy(text[at - 1]);
    const after = isWordy(bare.at(-1)) && isWordy(text[at + bare.length]);
    // Hangul particles are written against the word they follow.
    const particle = /[가-힣]/.test(text[at + bare.length] ?? '') && !/[가-힣]$/.test(bare);
    if (!before && (!after || particle)) return true;
  }
  return false;
}

/** Words of the answerer's own frame around a place; they claim nothing. */
const TEMPLATE_TOKENS = tokenize(templateText());

function coverageOf(text: string, cited: Span[], lexicon: Lexicon | undefined): number {
  const concepts = readQuestion(text).concepts;
  if (concepts.length === 0) return 1;
  const tokens = new Set(cited.flatMap((span) => [...spanTokens(span)]));
  for (const token of ['line', 'best', 'match', 'function', 'file', '=가장', '=맞는', '=곳은', '=행의'])
    tokens.add(token);
  return coverage(weigh(concepts, lexicon), tokens);
}

const NEGATION =
  /\b(?:not|never|no|none|without|cannot|nor|neither|nothing)\b|n't\b|(?:지 않|않[는은을다고]|없[는다이고]|못[하한]|아니[다라며고]|안 [되하])/giu;

/**
 * Clause by clause: the clause of the evidence that says most nearly the same must agree on whether it is a denial. One
 * that is said word for word must deny as often: two denials in a clause are not none.
 */
function deniesOtherwise(text: string, evidence: string): boolean {
  const said = withoutQuotations(text).replace(/(`+).+?\1/g, ' ');
  const theirs = flatSentences(evidence).map((clause) => ({
    tokens: new Set(tokenize(clause)),
    denials: denialsOf(clause),
  }));
  return flatSentences(said).some((clause) => {
    const own = new Set(tokenize(clause, { query: true }));
    for (const token of TEMPLATE_TOKENS) own.delete(token);
    if (own.size < 3) return false;
    let best = { share: 0, agrees: true };
    const denials = denialsOf(clause);
    for (const one of theirs) {
      let shared = 0;
      for (const token of own) if (one.tokens.has(token)) shared += 1;
      const share = shared / own.size;
      const agrees = share > 0.9 ? one.denials === denials : one.denials % 2 === denials % 2;
      if (share > best.share || (share === best.share && agrees)) best = { share, agrees };
    }
    return best.share >= 0.6 && !best.agrees;
  });
}

function flatSentences(evidence: string): string[] {
  return flat(evidence).split(/(?<=[.!?;。])\s+/);
}

function denialsOf(text: string): number {
  return text.match(NEGATION)?.length ?? 0;
}
