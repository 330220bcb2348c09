// The last look before an answer leaves: whatever wrote it, it may cite only spans of this request, verbatim, and a
// sentence that says what its spans do not say is dropped.
import type { ExtractiveAnswer } from './extractive.ts';
import type { Lexicon, Span } from './span.ts';
import { verifyClaim } from './verify.ts';

/** Why an answer must not be shown at all, or nothing. Such an answer is a defect of the answerer. */
export function groundingFault(answer: ExtractiveAnswer, spans: readonly Span[]): string | undefined {
  const byId = spansById(spans);
  const numbers = new Set<number>();
  for (const citation of answer.citations) {
    const span = byId.get(String(citation.chunk_id));
    if (!span) return `citation ${citation.n} names a span that was not found for this request`;
    if (citation.quote === '' || !span.text.includes(citation.quote))
      return `citation ${citation.n} is not a quotation`;
    numbers.add(citation.n);
  }
  for (const sentence of answer.sentences) {
    const unknown = sentence.citations.find((n) => !numbers.has(n));
    if (unknown !== undefined) return `a sentence cites [${unknown}], which does not exist`;
  }
  if (!answer.refused && numbers.size === 0) return 'the answer cites nothing';
  return undefined;
}

/**
 * The answer without the sentences that the verifier refutes, or nothing when no cited sentence is left. Low coverage
 * alone refutes nothing here: a sentence that only names where a quotation stands shares few words with it.
 */
export function verified(
  answer: ExtractiveAnswer,
  spans: readonly Span[],
  lexicon?: Lexicon,
): ExtractiveAnswer | undefined {
  const byId = spansById(spans);
  const cited = new Map(answer.citations.map(({ n, chunk_id }) => [n, byId.get(String(chunk_id))!]));
  const sentences = answer.sentences.filter((sentence) =>
    verifyClaim(sentence, cited, lexicon).faults.every((item) => item.fault === 'not_covered'),
  );
  if (sentences.length === answer.sentences.length) return answer;
  const left = new Set(sentences.flatMap((sentence) => sentence.citations));
  if (left.size === 0) return undefined;
  return {
    ...answer,
    sentences,
    text: sentences
      .map((sentence) => sentence.text)
      .join('\n\n')
      .replace(/\n\n- /g, '\n- '),
    citations: answer.citations.filter((citation) => left.has(citation.n)),
  };
}

function spansById(spans: readonly Span[]): Map<string, Span> {
  return new Map(spans.map((span) => [String(span.chunk_id), span]));
}
