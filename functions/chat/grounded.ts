// The last look before an answer leaves: whatever wrote it, it may cite only spans of this request, verbatim.
import type { ExtractiveAnswer } from '@cogo/knowledge/answer/extractive.ts';
import type { Span } from '@cogo/knowledge/answer/span.ts';

/** Why an answer must not be shown, or nothing. */
export function groundingFault(answer: ExtractiveAnswer, spans: readonly Span[]): string | undefined {
  const byId = new Map(spans.map((span) => [String(span.chunk_id), span]));
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
