/** The role and the request a database call is made for; what PostgREST puts into settings. */
export interface RequestContext {
  role: 'service_role' | 'authenticated' | 'anon';
  /** JWT claims; `role` is added when missing. */
  claims?: Record<string, unknown>;
  /** HTTP headers, lower case, as `request.headers` shows them. */
  headers?: Record<string, string>;
}

/** Transaction-local settings of one call; parameters as text. Source: PostgREST, "Transaction-scoped settings". */
export const CONTEXT_SQL = `
select set_config('request.jwt.claims', $1, true),
       set_config('request.jwt.claim.sub', $2, true),
       set_config('request.jwt.claim.role', $3, true),
       set_config('request.headers', $4, true),
       set_config('role', $3, true)`;

/** Parameters of `CONTEXT_SQL`. */
export function contextParams(context: RequestContext): [string, string, string, string] {
  const claims: Record<string, unknown> = { role: context.role, ...context.claims };
  return [
    JSON.stringify(claims),
    typeof claims['sub'] === 'string' ? claims['sub'] : '',
    context.role,
    JSON.stringify(context.headers ?? {}),
  ];
}
