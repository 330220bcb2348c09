import type { Frame } from '@cogo/spec/job_results.ts';
import type { Reader } from './frames.ts';
import { sections } from './javascript_tests.ts';
import { NOWHERE, ownPlace, type Place } from './place.ts';

export const pytest: Reader = {
  tool: 'pytest',
  knows: /^=+ (?:FAILURES|ERRORS|short test summary info) =+$/m,
  read(lines) {
    const frames = sections(lines, /^_{3,} (.+?) _{3,}$/, /^(?:_{3,} .* _{3,}|={3,} .*={3,})$/).map(
      ({ found, body }): Frame => {
        const places = body.flatMap((line): Place[] => {
          const at =
            /^([^\s:][^:]*\.py):(\d+):(?: |$)/.exec(line) ?? /^\s*File "([^"]+)", line (\d+)/.exec(line);
          return at ? [{ file: at[1]!, line: Number(at[2]), column: null }] : [];
        });
        // The deepest place of the repository's own: pytest prints the innermost last.
        const place = ownPlace(places.toReversed());
        const message = body.flatMap((line) => (/^E {2,}/.test(line) ? [line.slice(1).trim()] : []));
        const test = found[1]!.replace(/^ERROR (?:collecting|at \w+ of) /, '');
        return { ...place, message: message.join('\n') || 'failed', test, tool: 'pytest' };
      },
    );
    if (frames.length > 0) return frames;
    return lines.flatMap((line) => {
      const found = /^(?:FAILED|ERROR) (\S+?)(?:::(\S+))?(?: - (.*))?$/.exec(line);
      if (!found) return [];
      const test = found[2]?.replaceAll('::', ' > ') ?? null;
      return [{ ...NOWHERE, file: found[1]!, message: found[3] ?? 'failed', test, tool: 'pytest' }];
    });
  },
};

export const goTest: Reader = {
  tool: 'go test',
  knows: /^\s*--- FAIL: |^FAIL\t|^# \S+\n.*\.go:\d+/m,
  read(lines) {
    const frames: Frame[] = [];
    const tests = sections(lines, /^\s*--- FAIL: (\S+)/, /^(?:\s*--- |=== |FAIL|ok\s|PASS|panic: )/);
    for (const { found, body } of tests) {
      for (const [i, line] of body.entries()) {
        const at = /^\s+(\S+\.go):(\d+): (.*)$/.exec(line);
        if (!at) continue;
        const more = body.slice(i + 1);
        const end = more.findIndex((each) => /^\s+\S+\.go:\d+: /.test(each) || each.trim() === '');
        const message = [at[3]!, ...(end < 0 ? more : more.slice(0, end)).map((each) => each.trim())].join(
          '\n',
        );
        frames.push({
          file: at[1]!,
          line: Number(at[2]),
          column: null,
          message,
          test: found[1]!,
          tool: 'go test',
        });
      }
    }
    const stack = lines.findIndex((line) => line.startsWith('panic: '));
    if (stack >= 0) {
      const places = lines.slice(stack).flatMap((line): Place[] => {
        const at = /^\t(\S+\.go):(\d+)(?: \+0x[0-9a-f]+)?$/.exec(line);
        return at ? [{ file: at[1]!, line: Number(at[2]), column: null }] : [];
      });
      const test = tests.at(-1)?.found[1] ?? null;
      frames.push({ ...ownPlace(places), message: lines[stack]!, test, tool: 'go test' });
    }
    for (const line of lines) {
      const at = /^(?:vet: )?(\S+\.go):(\d+):(\d+): (.*)$/.exec(line);
      if (!at) continue;
      const [, file, row, column, message] = at;
      frames.push({
        file: file!,
        line: Number(row),
        column: Number(column),
        message: message!,
        test: null,
        tool: 'go',
      });
    }
    if (frames.length === 0) {
      // A test may fail without a word.
      for (const { found } of tests)
        frames.push({ ...NOWHERE, message: 'failed', test: found[1]!, tool: 'go test' });
    }
    return frames;
  },
};

export const cargo: Reader = {
  tool: 'cargo',
  knows: /^error(?:\[E\d+\])?: |^thread '.*' (?:\(\d+\) )?panicked at /m,
  read(lines) {
    const frames: Frame[] = [];
    for (const [i, line] of lines.entries()) {
      const error = /^error(\[E\d+\])?: (.*)$/.exec(line);
      if (error) {
        const place = /^\s*--> (.+?):(\d+):(\d+)$/.exec(
          lines.slice(i + 1, i + 4).find((each) => each.includes('-->')) ?? '',
        );
        // "could not compile" and "test failed" repeat what was said.
        if (!place) continue;
        frames.push({
          file: place[1]!,
          line: Number(place[2]),
          column: Number(place[3]),
          message: `${error[1] ? `${error[1].slice(1, -1)}: ` : ''}${error[2]}`,
          test: null,
          tool: 'cargo',
        });
        continue;
      }
      const now = /^thread '(.+?)' (?:\(\d+\) )?panicked at ([^':]+):(\d+):(\d+):?$/.exec(line);
      const old = /^thread '(.+?)' panicked at '(.*)', ([^:]+):(\d+):(\d+)$/.exec(line);
      if (!now && !old) continue;
      const [file, row, column] = now ? now.slice(2, 5) : old!.slice(3, 6);
      const rest = lines.slice(i + 1, i + 20);
      const stop = rest.findIndex((each) => /^(?:note: |stack backtrace|\s*$|---- )/.test(each));
      const message = old ? old[2]! : (stop < 0 ? rest : rest.slice(0, stop)).join('\n');
      const test = (now ?? old)![1]!;
      frames.push({ file: file!, line: Number(row), column: Number(column), message, test, tool: 'cargo' });
    }
    return frames;
  },
};
