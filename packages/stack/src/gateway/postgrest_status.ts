import { isConnectionLoss } from '../database/guarded_begin.ts';

const BY_STATE: Record<string, number> = {
  '23503': 409,
  '23505': 409,
  '25006': 405,
  '42P17': 500,
  '53400': 500,
  '57P01': 503,
  P0001: 400,
};

const BY_CLASS: Record<string, number> = {
  '08': 503,
  '09': 500,
  '0L': 403,
  '0P': 403,
  '25': 500,
  '28': 403,
  '2D': 500,
  '38': 500,
  '39': 500,
  '3B': 500,
  '40': 500,
  '53': 503,
  '54': 500,
  '55': 500,
  '57': 500,
  '58': 500,
  F0: 500,
  HV: 500,
  P0: 500,
  XX: 500,
};

/** HTTP status PostgREST gives a SQLSTATE; 400 for those it does not know. Source: its documentation, "Errors". */
export function statusOfState(state: string): number {
  return BY_STATE[state] ?? BY_CLASS[state.slice(0, 2)] ?? 400;
}

const AWAY = {
  code: 'PGRST001',
  message: 'The database closed the connection. Whether the call took effect is not known.',
  details: null,
  hint: 'Try again.',
};

/** The answer of a call whose connection to the database was lost, as PostgREST gives it. */
export function databaseAway(): { status: number; body: string; headers: Record<string, string> } {
  return { status: 503, body: JSON.stringify(AWAY), headers: { 'retry-after': '1' } };
}

// The gateway library answers these as PostgREST does, with the caller's role or the table at hand.
const LEFT_TO_LIBRARY = /^(?:42501|42P01|42883|42703|23503|23505|25006|PGRST|PT)/;

export interface DatabaseError {
  code: string;
  message: string;
  detail?: string | null;
  hint?: string | null;
}

/**
 * A database error in the form that makes the gateway library answer as PostgREST would. The library knows few SQLSTATEs and
 * answers all others with a bare 500; its escape hatch is the error `PGRST` whose message and detail are JSON.
 */
export function asPostgrestError(error: unknown): unknown {
  if (isConnectionLoss(error)) {
    return {
      code: 'PGRST',
      message: JSON.stringify(AWAY),
      detail: JSON.stringify({ status: 503, headers: {} }),
    };
  }
  if (!isDatabaseError(error) || LEFT_TO_LIBRARY.test(error.code)) return error;
  const { code, message, detail, hint } = error;
  return {
    code: 'PGRST',
    message: JSON.stringify({ code, message, details: detail || null, hint: hint || null }),
    detail: JSON.stringify({ status: statusOfState(code), headers: {} }),
  };
}

export function isDatabaseError(error: unknown): error is DatabaseError {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  return typeof code === 'string' && /^[0-9A-Z]{5}/.test(code) && typeof message === 'string';
}
