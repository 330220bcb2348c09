import type { Frame } from '@cogo/spec/job_results.ts';
import type { Reader } from './frames.ts';

/** Both ways of the TypeScript compiler: `a.ts(1,2): error` and, with --pretty, `a.ts:1:2 - error`. */
export const tsc: Reader = {
  tool: 'tsc',
  knows: /(?:\(\d+,\d+\):|:\d+:\d+ -) error TS\d+: /,
  read: (lines) =>
    lines.flatMap((line) => {
      const found = /^(.+?)(?:\((\d+),(\d+)\):|:(\d+):(\d+) -) error (TS\d+: .*)$/.exec(line);
      if (!found) return [];
      const [, file, a, b, c, d, message] = found;
      return [frame('tsc', file!, a ?? c, b ?? d, message!, message!.slice(0, message!.indexOf(':')))];
    }),
};

/** Biome's reports: a line with the place and the rule, then the message behind × or !. */
export const biome: Reader = {
  tool: 'biome',
  knows: /^\S+(?::\d+:\d+)? (?:lint\/\S+|parse|format|assist\/\S+|organizeImports)\s.*━━/m,
  read: (lines) =>
    lines.flatMap((line, i) => {
      const found =
        /^(\S+?)(?::(\d+):(\d+))? (lint\/\S+|parse|format|assist\/\S+|organizeImports)\s.*━━/.exec(line);
      if (!found) return [];
      const said = lines.slice(i + 1, i + 8).find((each) => /^\s*[×!✖i⚠] /.test(each));
      return [frame('biome', found[1]!, found[2], found[3], said?.trim().slice(2) ?? found[4]!, found[4]!)];
    }),
};

/** ESLint's stylish output: a line with the file, then one for each problem. */
export const eslint: Reader = {
  tool: 'eslint',
  knows: /^\s+\d+:\d+\s+(?:error|warning)\s+\S/m,
  read(lines) {
    const frames: Frame[] = [];
    let file: string | null = null;
    for (const line of lines) {
      const found = /^\s+(\d+):(\d+)\s+(error|warning)\s+(.*?)(?:\s{2,}(\S+))?$/.exec(line);
      if (!found) {
        if (/^\S.*\.\w+$/.test(line)) file = line.trim();
        continue;
      }
      if (file && found[3] === 'error') {
        frames.push(frame('eslint', file, found[1], found[2], found[4]!, found[5] ?? null));
      }
    }
    return frames;
  },
};

/** `file:line:column: error: message`, as compilers and many checkers have said it since cc. */
export const compiler: Reader = {
  tool: 'compiler',
  knows: /^[^\s:]+:\d+(?::\d+)?: /m,
  read: (lines) =>
    lines.flatMap((line) => {
      const found = /^([^\s:][^:]*\.\w+):(\d+)(?::(\d+))?: (?:(error|fatal error|warning|note): )?(.+)$/.exec(
        line,
      );
      if (!found || found[4] === 'warning' || found[4] === 'note') return [];
      return [frame('compiler', found[1]!, found[2], found[3], found[5]!, null)];
    }),
};

function frame(
  tool: string,
  file: string,
  line: string | undefined,
  column: string | undefined,
  message: string,
  rule: string | null,
): Frame {
  const number = (text: string | undefined) => (text === undefined ? null : Math.max(1, Number(text)));
  return { file, line: number(line), column: number(column), message, test: rule, tool };
}
