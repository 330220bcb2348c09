import type { Frame } from '@cogo/spec/job_results.ts';
import type { Reader } from './frames.ts';
import { jsPlace, NOWHERE, ownPlace, stackPlaces } from './place.ts';

/** Lines that belong to one failure, at most. */
const MAX_BLOCK = 200;

/** node:test with its TAP reporter (the default of Node 20 to 22 without a terminal). */
export const nodeTap: Reader = {
  tool: 'node:test',
  knows: /^TAP version 1[34]$/m,
  read(lines) {
    const frames: Frame[] = [];
    const names: string[] = [];
    for (const [i, line] of lines.entries()) {
      const subtest = /^( *)# Subtest: (.*)$/.exec(line);
      if (subtest) {
        names.length = subtest[1]!.length / 4;
        names.push(subtest[2]!);
        continue;
      }
      const bad = /^( *)not ok \d+ - (.*)$/.exec(line);
      if (!bad || /# (?:SKIP|TODO)\b/.test(bad[2]!)) continue;
      const depth = bad[1]!.length / 4;
      const rest = lines.slice(i + 1, i + MAX_BLOCK);
      const end = rest.indexOf(`${bad[1]}  ...`);
      const block = end < 0 ? rest : rest.slice(0, end);
      // A suite fails because of what is in it, which was told before it.
      if (block.some((each) => /^ *failureType: 'subtestsFailed'/.test(each))) continue;
      const stack = textOf(block, 'stack').map((each) => jsPlace(`at ${each.trim()}`) ?? NOWHERE);
      const location = /'(.*)'/.exec(field(block, 'location') ?? '')?.[1];
      const place = ownPlace([
        ...stack.filter((each) => each.file),
        jsPlace(`at ${location ?? ''}`) ?? NOWHERE,
      ]);
      const message = textOf(block, 'error').join('\n') || 'failed';
      frames.push({
        ...place,
        message,
        test: [...names.slice(0, depth), bad[2]!].join(' > '),
        tool: 'node:test',
      });
    }
    return frames;
  },
};

function field(block: string[], name: string): string | null {
  const line = block.find((each) => each.trimStart().startsWith(`${name}: `));
  return line?.slice(line.indexOf(': ') + 2) ?? null;
}

/** A YAML text: on the same line, or the deeper lines after `|-`. */
function textOf(block: string[], name: string): string[] {
  const at = block.findIndex((each) => each.trimStart().startsWith(`${name}: `));
  if (at < 0) return [];
  const line = block[at]!;
  const value = line.slice(line.indexOf(': ') + 2).trim();
  if (!/^\|[-+]?$/.test(value)) return [value.replace(/^'(.*)'$/s, '$1')];
  const indent = line.length - line.trimStart().length;
  const rest = block.slice(at + 1);
  const end = rest.findIndex((each) => each.trim() !== '' && each.length - each.trimStart().length <= indent);
  return (end < 0 ? rest : rest.slice(0, end)).map((each) => each.slice(indent + 2));
}

/** node:test with its spec reporter: after `failing tests:` each failure with its place. */
export const nodeSpec: Reader = {
  tool: 'node:test',
  knows: /^✖ failing tests:$/m,
  read(lines) {
    const frames: Frame[] = [];
    const start = lines.indexOf('✖ failing tests:');
    const rest = lines.slice(start + 1);
    for (const [i, line] of rest.entries()) {
      const at = /^test at (.*)$/.exec(line);
      const name = /^✖ (.*?)(?: \([\d.]+ms\))?$/.exec(rest[i + 1] ?? '');
      if (!at || !name) continue;
      const after = rest.slice(i + 2, i + MAX_BLOCK);
      const end = after.findIndex((each) => each.startsWith('test at '));
      const body = end < 0 ? after : after.slice(0, end);
      const first = body.findIndex((each) => /^\s*at /.test(each));
      const message = (first < 0 ? body : body.slice(0, first)).join('\n');
      const place = ownPlace([...stackPlaces(body), jsPlace(`at ${at[1]}`) ?? NOWHERE]);
      frames.push({ ...place, message: dedent(message), test: name[1]!, tool: 'node:test' });
    }
    return frames;
  },
};

export const vitest: Reader = {
  tool: 'vitest',
  knows: /^ FAIL {2}\S+.* > /m,
  read: (lines) =>
    sections(lines, /^ FAIL {2}(\S+) > (.*)$/, /^(?:⎯{3}| FAIL {2}| Test Files )/).map(({ found, body }) => {
      const stack = stackPlaces(body);
      const place = stack.length > 0 ? ownPlace(stack) : { ...NOWHERE, file: found[1]! };
      const end = body.findIndex((each) => /^\s*❯ /.test(each));
      const message = (end < 0 ? body : body.slice(0, end)).join('\n');
      return { ...place, message, test: found[2]!, tool: 'vitest' };
    }),
};

export const jest: Reader = {
  tool: 'jest',
  knows: /^ {2}● /m,
  read(lines) {
    const frames: Frame[] = [];
    let file: string | null = null;
    const failing = lines.map((line) => {
      const head = /^(?:FAIL|PASS) (\S+)/.exec(line.trimStart());
      if (head) file = head[1]!;
      return file;
    });
    for (const { found, body, at } of sections(
      lines,
      /^ {2}● (.*)$/,
      /^(?: {2}● |(?:FAIL|PASS) |Test Suites: )/,
    )) {
      if (/^Console$/.test(found[1]!)) continue;
      const stack = stackPlaces(body);
      const place = stack.length > 0 ? ownPlace(stack) : { ...NOWHERE, file: failing[at] ?? null };
      const message = body.filter((each) => !/^\s*(?:at |> ?\d+ \||\d+ \||\| +\^)/.test(each)).join('\n');
      const test = found[1]!.replaceAll(' › ', ' > ');
      frames.push({ ...place, message: dedent(message), test, tool: 'jest' });
    }
    return frames;
  },
};

/** Parts of a text that begin with a line and end before another. */
export function sections(
  lines: string[],
  begin: RegExp,
  end: RegExp,
): { found: RegExpExecArray; body: string[]; at: number }[] {
  const parts: { found: RegExpExecArray; body: string[]; at: number }[] = [];
  // From the end, so that each line is looked at once: what a job prints is not to be trusted with more.
  let stop = lines.length;
  for (let at = lines.length - 1; at >= 0; at--) {
    const found = begin.exec(lines[at]!);
    if (found) parts.push({ found, body: lines.slice(at + 1, stop), at });
    if (found || end.test(lines[at]!)) stop = at;
  }
  return parts.reverse();
}

export function dedent(text: string): string {
  return text
    .split('\n')
    .map((line) => line.replace(/^ {2,4}/, ''))
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
}
