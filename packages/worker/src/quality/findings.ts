import type { Finding } from '@cogo/spec/job_results.ts';
import { readFailures, relativeFile } from '../diagnose/frames.ts';
import type { ToolStep } from '../toolchain.ts';

const MAX_MESSAGE = 1_000;

/**
 * What a check printed, as findings. A check that failed without one that can be read is a finding itself: nothing that
 * failed may look as if it passed.
 *
 * @param root where the workspace was seen by the check
 */
export function readFindings(
  step: Pick<ToolStep, 'tool' | 'format' | 'name'>,
  output: { stdout: string; all: string; failed: boolean; why: string | null },
  root: string,
): Finding[] {
  const found = read(step, output, root).map((each) => ({
    ...each,
    file: each.file && relativeFile(each.file, root),
    message: each.message.trim().slice(0, MAX_MESSAGE),
  }));
  if (found.length > 0 || !output.failed) return found;
  const last = output.all.trim().split('\n').at(-1)?.slice(0, 300);
  const message = `${step.name} failed: ${output.why ?? (last || 'it said nothing')}`;
  return [{ tool: step.tool, rule: null, level: 'error', file: null, line: null, column: null, message }];
}

function read(
  { tool, format }: Pick<ToolStep, 'tool' | 'format'>,
  { stdout, all }: { stdout: string; all: string },
  root: string,
): Finding[] {
  switch (format) {
    case 'eslint-json':
      return eslint(tool, stdout);
    case 'ruff-json':
      return ruff(tool, stdout);
    case 'github':
      return all.split('\n').flatMap((line) => github(tool, line) ?? []);
    case 'short':
      return all.split('\n').flatMap((line) => short(tool, line) ?? []);
    case 'deno':
      return all.split('\n').flatMap((line) => deno(tool, line) ?? []);
    case 'failures': {
      const diagnosis = readFailures(all, root);
      return diagnosis.frames.map(({ file, line, column, message, test }) => ({
        tool: diagnosis.tool ?? tool,
        rule: test,
        level: 'error',
        file,
        line,
        column,
        message,
      }));
    }
  }
}

/** Tools print notes around their JSON: the outermost list is taken. */
function list(text: string): Record<string, unknown>[] {
  const [from, to] = [text.indexOf('['), text.lastIndexOf(']')];
  try {
    const parsed: unknown = JSON.parse(text.slice(from, to + 1));
    return Array.isArray(parsed) ? parsed.filter((each) => typeof each === 'object' && each !== null) : [];
  } catch {
    return [];
  }
}

const number = (value: unknown) => (Number.isInteger(value) && Number(value) > 0 ? Number(value) : null);
const words = (value: unknown) => (typeof value === 'string' ? value : null);

function eslint(tool: string, text: string): Finding[] {
  return list(text).flatMap((file) =>
    (Array.isArray(file['messages']) ? file['messages'] : []).map(
      (each: Record<string, unknown>): Finding => ({
        tool,
        rule: words(each['ruleId']),
        level: each['severity'] === 2 ? 'error' : 'warning',
        file: words(file['filePath']),
        line: number(each['line']),
        column: number(each['column']),
        message: words(each['message']) ?? '',
      }),
    ),
  );
}

function ruff(tool: string, text: string): Finding[] {
  return list(text).map((each) => {
    const at = (each['location'] ?? {}) as Record<string, unknown>;
    return {
      tool,
      rule: words(each['code']),
      level: 'error',
      file: words(each['filename']),
      line: number(at['row']),
      column: number(at['column']),
      message: words(each['message']) ?? '',
    };
  });
}

/** `::error title=rule,file=a.ts,line=1,col=2::message`, the commands of GitHub's runners. */
function github(tool: string, line: string): Finding | null {
  const found = /^::(error|warning|notice) ([^:]*(?:::?[^:]+)*?)::(.*)$/.exec(line);
  if (!found) return null;
  const fields = Object.fromEntries(
    found[2]!
      .split(',')
      .map((each) => [each.slice(0, each.indexOf('=')), plain(each.slice(each.indexOf('=') + 1))]),
  );
  return {
    tool,
    rule: fields['title'] ?? null,
    level: found[1] === 'notice' ? 'note' : (found[1] as 'error' | 'warning'),
    file: fields['file'] ?? null,
    line: number(Number(fields['line'])),
    column: number(Number(fields['col'])),
    message: plain(found[3]!),
  };
}

function plain(text: string): string {
  const known: Record<string, string> = { '%25': '%', '%0D': '\r', '%0A': '\n', '%3A': ':', '%2C': ',' };
  return text.replace(/%(?:25|0D|0A|3A|2C)/gi, (code) => known[code.toUpperCase()]!);
}

/** `file:line:column: level: message`; mypy puts the rule in brackets behind, pyright in parentheses, rustc after the level. */
function short(tool: string, line: string): Finding | null {
  const found =
    /^\s*([^\s:][^:]*):(\d+)(?::(\d+))?(?:-\d+)?(?::| -) (error|warning|note|information)(?:\[([\w:]+)\])?: (.*)$/.exec(
      line,
    );
  if (!found) return null;
  const [, file, row, column, level, code, text] = found as unknown as [
    string,
    string,
    string,
    string?,
    string?,
    string?,
    string?,
  ];
  const behind = /^(.*?)\s+(?:\[([\w-]+)\]|\((report\w+)\))$/.exec(text!);
  return {
    tool,
    rule: code ?? behind?.[2] ?? behind?.[3] ?? null,
    level: level === 'error' ? 'error' : level === 'warning' ? 'warning' : 'note',
    file: file!,
    line: number(Number(row)),
    column: number(Number(column)),
    message: behind ? behind[1]! : text!,
  };
}

function deno(tool: string, line: string): Finding | null {
  const found = /^(\S+): line (\d+), col (\d+) - (.*) \(([\w-]+)\)$/.exec(line);
  if (!found) return null;
  const [, file, row, column, message, rule] = found as unknown as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  return {
    tool,
    rule,
    level: 'error',
    file,
    line: number(Number(row)),
    column: number(Number(column)),
    message,
  };
}
