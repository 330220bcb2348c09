// Everything that crosses a boundary (process, package, HTTP) returns a Result; nothing throws across.
import { cogoError, type CogoError, type ErrorOptions, type ErrorSlug } from './errors.ts';

export type Result<T, E = CogoError> = { ok: true; value: T } | { ok: false; error: E };

export function ok<T>(value: T): { ok: true; value: T } {
  return { ok: true, value };
}

export function err<E>(error: E): { ok: false; error: E } {
  return { ok: false, error };
}

/** A failed Result in one call: `return failure('not_found', 'No such project.')`. */
export function failure(
  code: ErrorSlug,
  message: string,
  options?: ErrorOptions,
): { ok: false; error: CogoError } {
  return { ok: false, error: cogoError(code, message, options) };
}
