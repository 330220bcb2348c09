import type { Citation } from '@cogo/spec/schemas/evidence.ts';

const QUOTE_WIDTH = 100;

/** The sources under an answer, one a line: `[1] src/app.ts:10-24  export function …` */
export function citationLines(citations: Citation[]): string[] {
  return citations.map((one) => {
    const where = `${one.path}:${one.start_line}-${one.end_line}`;
    const quote = one.quote.replace(/\s+/g, ' ').trim();
    const short =
      [...quote].length > QUOTE_WIDTH ? `${[...quote].slice(0, QUOTE_WIDTH - 1).join('')}…` : quote;
    return `  [${one.n}] ${where}  ${short}`;
  });
}
