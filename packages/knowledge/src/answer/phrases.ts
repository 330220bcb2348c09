import type { Language } from './question.ts';
import type { Facet } from './rerank.ts';
import type { Span } from './span.ts';

/** Sentences that say nothing about the sources: they connect, and need no citation. The verifier knows them. */
export const LABELS: Record<Language, Record<Facet | 'refusal', string>> = {
  en: {
    manual: 'Also in the documents:',
    code: 'Also in the code:',
    beside: 'Also in tests and data:',
    refusal: 'No grounded answer: nothing in the indexed sources supports an answer to this question.',
  },
  ko: {
    manual: '문서에서 함께 볼 곳:',
    code: '코드에서 함께 볼 곳:',
    beside: '테스트와 데이터에서 함께 볼 곳:',
    refusal: '근거 있는 답을 찾지 못했습니다. 색인된 내용 가운데 이 질문의 답을 뒷받침하는 부분이 없습니다.',
  },
};

const FIXED = new Set(Object.values(LABELS).flatMap((labels) => Object.values(labels)));

export function isLabel(sentence: string): boolean {
  return FIXED.has(sentence.trim());
}

const KIND_NAMES: Record<Language, Record<string, string>> = {
  en: { variable: 'constant', module: 'code', window: 'text', section: 'section' },
  ko: {
    function: '함수',
    method: '메서드',
    class: '클래스',
    interface: '인터페이스',
    type: '타입',
    enum: '열거형',
    variable: '상수',
    table: '테이블',
    view: '뷰',
    index: '인덱스',
    trigger: '트리거',
    policy: '정책',
    schema: '스키마',
    statement: 'SQL 문',
    test: '테스트',
    section: '절',
    module: '코드',
    namespace: '네임스페이스',
    window: '텍스트',
  },
};

/** `function \`search\`` or `section “Install > Linux”`: what a reader would call the span. */
export function nameOf(span: Span, language: Language): string {
  const kind = KIND_NAMES[language][span.kind] ?? span.kind;
  if (span.symbol) return language === 'ko' ? `\`${span.symbol}\` ${kind}` : `the ${kind} \`${span.symbol}\``;
  if (span.heading) return language === 'ko' ? `‘${span.heading}’ ${kind}` : `the ${kind} “${span.heading}”`;
  return language === 'ko' ? kind : `the ${kind}`;
}

/** Says where the best answer stands. Path, lines and name come from the span, so it can be checked against it. */
export function leadSentence(span: Span, language: Language): string {
  const lines =
    span.start_line === span.end_line
      ? language === 'ko'
        ? `${span.start_line}행`
        : `line ${span.start_line}`
      : language === 'ko'
        ? `${span.start_line}–${span.end_line}행`
        : `lines ${span.start_line}–${span.end_line}`;
  return language === 'ko'
    ? `가장 잘 맞는 곳은 \`${span.path}\` ${lines}의 ${nameOf(span, 'ko')}입니다`
    : `The best match is ${nameOf(span, 'en')} in \`${span.path}\`, ${lines}`;
}

/** The words `leadSentence` and `nameOf` put around what they take from a span, in every language. */
export function templateText(): string {
  const kinds = new Set(Object.values(KIND_NAMES).flatMap((names) => Object.keys(names)));
  return [...kinds]
    .map((kind) => ({ path: '', symbol: null, heading: null, kind, start_line: 1, end_line: 2 }) as Span)
    .flatMap((blank) => [blank, { ...blank, symbol: ' ' }])
    .flatMap((blank) => [leadSentence(blank, 'en'), leadSentence(blank, 'ko')])
    .join('\n');
}
