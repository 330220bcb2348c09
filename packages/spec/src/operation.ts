// One HTTP operation, described once: the plane serves it and OpenAPI documents it, so neither can drift.
import type { z } from 'zod';
import type { ErrorSlug } from './errors.ts';

/**
 * Who may call.
 * `any`: no credentials needed; `anon`: any valid key, the publishable one included; `member`: a user, a token or
 * the service; `service`: only the service. What a caller may see of a project is decided in SQL.
 */
export type Access = 'any' | 'anon' | 'member' | 'service';

/** Token bucket per principal and function. */
export interface RateRule {
  /** Calls that may come at once. */
  capacity: number;
  refill_per_s: number;
  /** Tokens this operation takes; 1 unless said. */
  cost?: number;
}

export interface Operation<
  B extends z.ZodType = z.ZodType,
  Q extends z.ZodType = z.ZodType,
  P extends z.ZodType = z.ZodType,
> {
  /** Unique over all functions; OpenAPI's operationId. */
  id: string;
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below `/<function>`, with `:name` parameters. */
  path: string;
  summary: string;
  auth: Access;
  body?: B;
  query?: Q;
  params?: P;
  /** The answer, envelope included. */
  response: z.ZodType;
  /** Event name -> data, when the operation can answer as a stream. */
  events?: Record<string, z.ZodType>;
  /** Honours `Idempotency-Key`. */
  idempotent?: boolean;
  /** Answers SSE when asked by `Accept: text/event-stream` or `stream: true`. */
  stream?: boolean;
  rate?: RateRule;
  /** Errors worth naming beyond those every operation can give. */
  errors?: ErrorSlug[];
}

export interface FunctionSpec {
  name: string;
  summary: string;
  operations: Operation[];
}

/** Keeps the schema types of an operation while checking its shape. */
export function operation<B extends z.ZodType, Q extends z.ZodType, P extends z.ZodType>(
  definition: Operation<B, Q, P>,
): Operation<B, Q, P> {
  return definition;
}
