// The one table of error slugs: HTTP status, retry advice and the SQLSTATE (class CG) that SQL raises for it.
// A slug is a promise to callers: never rename one, never reuse a SQLSTATE.

interface ErrorRow {
  status: number;
  /** True when the same request may succeed later without a change by the caller. */
  retryable: boolean;
  /** Five characters, class `CG`; absent when SQL never raises it. */
  sqlstate?: string;
}

export const ERROR_TABLE = {
  bad_request: { status: 400, retryable: false, sqlstate: 'CG000' },
  unauthorized: { status: 401, retryable: false, sqlstate: 'CG001' },
  forbidden: { status: 403, retryable: false, sqlstate: 'CG002' },
  not_found: { status: 404, retryable: false, sqlstate: 'CG003' },
  validation_failed: { status: 422, retryable: false, sqlstate: 'CG004' },
  payload_too_large: { status: 413, retryable: false, sqlstate: 'CG005' },
  idempotency_conflict: { status: 409, retryable: false, sqlstate: 'CG006' },
  version_mismatch: { status: 409, retryable: false, sqlstate: 'CG007' },
  rate_limited: { status: 429, retryable: true, sqlstate: 'CG008' },
  lease_lost: { status: 409, retryable: false, sqlstate: 'CG020' },
  job_cancelled: { status: 409, retryable: false, sqlstate: 'CG021' },
  illegal_transition: { status: 409, retryable: false, sqlstate: 'CG022' },
  job_key_reused: { status: 409, retryable: false, sqlstate: 'CG023' },
  quota_exceeded: { status: 429, retryable: true, sqlstate: 'CG024' },
  executor_draining: { status: 409, retryable: true, sqlstate: 'CG025' },
  not_configured: { status: 503, retryable: false, sqlstate: 'CG030' },
  stale_generation: { status: 409, retryable: true, sqlstate: 'CG031' },
  invalid_json: { status: 400, retryable: false },
  method_not_allowed: { status: 405, retryable: false },
  precondition_failed: { status: 412, retryable: false },
  unsupported_media_type: { status: 415, retryable: false },
  precondition_required: { status: 428, retryable: false },
  aborted: { status: 499, retryable: true },
  internal: { status: 500, retryable: true },
  provider_error: { status: 502, retryable: true },
  neo4j_not_configured: { status: 503, retryable: false },
  unavailable: { status: 503, retryable: true },
  timeout: { status: 504, retryable: true },
} as const satisfies Record<string, ErrorRow>;

export type ErrorSlug = keyof typeof ERROR_TABLE;

export const ERROR_SLUGS = Object.keys(ERROR_TABLE) as ErrorSlug[];

/** An error that crosses a boundary as a value. `message` is for people: what happened, why, what to do. */
export interface CogoError {
  code: ErrorSlug;
  message: string;
  /** HTTP status that goes with `code`. */
  status: number;
  retryable: boolean;
  details?: unknown;
  sqlstate?: string;
}

export interface ErrorOptions {
  details?: unknown;
  /** Overrides the table's advice, for example a 502 that a retry can not mend. */
  retryable?: boolean;
  sqlstate?: string;
}

/** Builds an error whose status and retry advice come from the table. */
export function cogoError(code: ErrorSlug, message: string, options: ErrorOptions = {}): CogoError {
  const row: ErrorRow = ERROR_TABLE[code];
  const error: CogoError = {
    code,
    message,
    status: row.status,
    retryable: options.retryable ?? row.retryable,
  };
  if (options.details !== undefined) error.details = options.details;
  if (options.sqlstate !== undefined) error.sqlstate = options.sqlstate;
  return error;
}

export function isErrorSlug(value: unknown): value is ErrorSlug {
  return typeof value === 'string' && Object.hasOwn(ERROR_TABLE, value);
}

const BY_SQLSTATE = new Map<string, ErrorSlug>(
  ERROR_SLUGS.flatMap((slug) => {
    const { sqlstate }: ErrorRow = ERROR_TABLE[slug];
    return sqlstate === undefined ? [] : [[sqlstate, slug] as const];
  }),
);

// States Postgres or PostgREST raise by themselves and that callers can act upon.
// PostgREST: https://docs.postgrest.org/en/stable/references/errors.html
const FOREIGN_STATES = new Map<string, ErrorSlug>([
  ['PGRST301', 'unauthorized'], // JWT invalid
  ['PGRST302', 'unauthorized'], // anonymous access disabled
  ['PGRST303', 'unauthorized'], // JWT claims invalid or expired
  ['PGRST202', 'internal'], // function unknown: the schema is older than the code
  ['PGRST003', 'unavailable'], // no connection from the pool in time
  ['42501', 'forbidden'], // insufficient_privilege
  ['22P02', 'validation_failed'], // invalid_text_representation, for example a malformed uuid
  ['22P05', 'validation_failed'], // untranslatable_character: \u0000 in JSON, which jsonb cannot hold
  ['22021', 'validation_failed'], // character_not_in_repertoire: not UTF-8, or NUL in text
  ['22023', 'validation_failed'], // invalid_parameter_value
  ['23505', 'bad_request'], // unique_violation
  ['23514', 'validation_failed'], // check_violation
  ['57014', 'timeout'], // query_canceled by statement_timeout
  ['40001', 'unavailable'], // serialization_failure
  ['40P01', 'unavailable'], // deadlock_detected
  ['57P01', 'unavailable'], // admin_shutdown: the backend was terminated
  ['57P02', 'unavailable'], // crash_shutdown
  ['57P03', 'unavailable'], // cannot_connect_now: the server starts or stops
  ['53300', 'unavailable'], // too_many_connections
  ['53100', 'unavailable'], // disk_full
]);

/** Slug of a SQLSTATE or PostgREST code; `undefined` when the code says nothing a caller could use. */
export function slugOfSqlstate(state: string | undefined): ErrorSlug | undefined {
  if (state === undefined) return undefined;
  return BY_SQLSTATE.get(state) ?? FOREIGN_STATES.get(state);
}

/** SQLSTATE that SQL raises for a slug, if it has one. */
export function sqlstateOfSlug(slug: ErrorSlug): string | undefined {
  const row: ErrorRow = ERROR_TABLE[slug];
  return row.sqlstate;
}

interface DatabaseErrorFields {
  code?: string | undefined;
  message?: string | undefined;
  detail?: string | null | undefined;
  hint?: string | null | undefined;
}

/**
 * Turns what the database said into a `CogoError`. CG states keep their message (written for callers); other
 * known states keep it too; anything else becomes `internal` with a message that discloses nothing.
 * `detail` is parsed when it is JSON, as every CG error's is.
 */
export function errorFromDatabase(fields: DatabaseErrorFields): CogoError {
  const slug = slugOfSqlstate(fields.code);
  const own = fields.code?.startsWith('CG') ?? false;
  if (slug === undefined || (slug === 'internal' && !own)) {
    return cogoError('internal', `The database refused the call${fields.code ? ` (${fields.code})` : ''}.`, {
      ...(fields.code ? { sqlstate: fields.code } : {}),
    });
  }
  const said = fields.message ?? slug;
  const message = fields.hint ? `${said.replace(/[.\s]+$/, '')}. ${fields.hint}` : said;
  const details = own ? parseDetail(fields.detail) : undefined;
  return cogoError(slug, message, {
    ...(details === undefined ? {} : { details }),
    ...(fields.code ? { sqlstate: fields.code } : {}),
  });
}

function parseDetail(detail: string | null | undefined): unknown {
  if (detail === null || detail === undefined || detail === '') return undefined;
  try {
    return JSON.parse(detail);
  } catch {
    return detail;
  }
}
