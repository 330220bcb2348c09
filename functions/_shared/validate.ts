import type { z } from 'zod';
import { failure, ok, type Result } from '@cogo/spec/result.ts';

const MAX_ISSUES = 20;

/** Parses by the schema; a failure lists where and why, never the value that was sent. */
export function validate<S extends z.ZodType>(
  schema: S,
  value: unknown,
  where: 'body' | 'query' | 'params',
): Result<z.output<S>> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return ok(parsed.data);
  const issues = parsed.error.issues.slice(0, MAX_ISSUES).map((issue) => ({
    path: issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part)),
    message: issue.message,
    code: issue.code,
  }));
  const first = issues[0]!;
  const place = first.path.length === 0 ? `the ${where}` : `${where}.${first.path.join('.')}`;
  const more = parsed.error.issues.length > 1 ? ` (and ${parsed.error.issues.length - 1} more)` : '';
  return failure('validation_failed', `Wrong input at ${place}: ${first.message}${more}.`, {
    details: { in: where, issues },
  });
}

/** A query string as an object; a parameter given twice is refused, for no one could say which one counts. */
export function queryObject(parameters: URLSearchParams): Result<Record<string, string>> {
  const query: Record<string, string> = Object.create(null);
  for (const [name, value] of parameters) {
    if (Object.hasOwn(query, name)) {
      const message = 'given more than once';
      return failure('validation_failed', `The query parameter is ${message}.`, {
        details: { in: 'query', issues: [{ path: [name], message, code: 'custom' }] },
      });
    }
    if (value.includes('\0')) {
      const message = 'holds a NUL character';
      return failure('validation_failed', `A query parameter ${message}.`, {
        details: { in: 'query', issues: [{ path: [name], message, code: 'custom' }] },
      });
    }
    query[name] = value;
  }
  return ok(query);
}
