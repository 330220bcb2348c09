import type { Frame } from '@cogo/spec/job_results.ts';
import type { Reader } from './frames.ts';
import { NOWHERE, ownPlace, stackPlaces, type Place } from './place.ts';

const JS_ERROR = /^\s*(?:Uncaught )?((?:[A-Z]\w*)?(?:Error|Exception)\b(?: \[\w+\])?(?:: .*)?)$/;

/** Uncaught errors of JavaScript and Python. */
export const stackTraces: Reader = {
  tool: 'stack trace',
  knows: /^\s+at .+:\d+:\d+\)?$|^Traceback \(most recent call last\):$/m,
  read: (lines) => [...javascript(lines), ...python(lines)],
};

function javascript(lines: string[]): Frame[] {
  return lines.flatMap((line, i) => {
    const found = JS_ERROR.exec(line);
    if (!found) return [];
    const rest = lines.slice(i + 1, i + 60);
    const first = rest.findIndex((each) => /^\s+at /.test(each));
    if (first < 0 || first > 12) return [];
    const after = rest.slice(first).findIndex((each) => !/^\s+at /.test(each));
    const stack = rest.slice(first, after < 0 ? undefined : first + after);
    // A syntax error names its place in the line before the source it shows, above the message.
    const above = /SyntaxError/.test(found[1]!) ? syntaxPlace(lines.slice(Math.max(0, i - 6), i)) : [];
    const message = [found[1]!, ...rest.slice(0, first)].join('\n');
    return [{ ...ownPlace([...above, ...stackPlaces(stack)]), message, test: null, tool: 'stack trace' }];
  });
}

function syntaxPlace(lines: string[]): Place[] {
  return lines.flatMap((line) => {
    const found = /^(\/.*|file:\/\/.*):(\d+)$/.exec(line);
    return found ? [{ file: found[1]!, line: Number(found[2]), column: null }] : [];
  });
}

function python(lines: string[]): Frame[] {
  return lines.flatMap((line, i) => {
    if (line !== 'Traceback (most recent call last):') return [];
    const rest = lines.slice(i + 1);
    const end = rest.findIndex((each) => /^\S/.test(each));
    const places = (end < 0 ? rest : rest.slice(0, end)).flatMap((each): Place[] => {
      const at = /^\s+File "([^"]+)", line (\d+)/.exec(each);
      return at ? [{ file: at[1]!, line: Number(at[2]), column: null }] : [];
    });
    const place = places.length > 0 ? ownPlace(places.toReversed()) : NOWHERE;
    return [{ ...place, message: rest[end] ?? 'failed', test: null, tool: 'stack trace' }];
  });
}
