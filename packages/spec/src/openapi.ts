// OpenAPI 3.1 from the zod schemas. 3.1 takes JSON Schema 2020-12 as it is, which is what zod 4 writes.
import { z } from 'zod';
import { failureEnvelope } from './envelope.ts';
import { ERROR_TABLE, type ErrorSlug } from './errors.ts';
import type { FunctionSpec, Operation } from './operation.ts';
import { COGO_VERSION } from './version.ts';

type Json = Record<string, unknown>;

// What the plane itself can answer to any operation.
const PLANE_ERRORS: ErrorSlug[] = [
  'unauthorized',
  'forbidden',
  'rate_limited',
  'internal',
  'unavailable',
  'timeout',
];
const BODY_ERRORS: ErrorSlug[] = [
  'invalid_json',
  'payload_too_large',
  'unsupported_media_type',
  'validation_failed',
];

/** The document of some functions; paths begin with the function's name, below the server's `/functions/v1`. */
export function openApiDocument(functions: readonly FunctionSpec[]): Json {
  const paths: Record<string, Json> = {};
  const schemas: Record<string, Json> = { Failure: schemaOf(failureEnvelope, 'output') };
  for (const item of functions) {
    for (const operation of item.operations) {
      const path = `/${item.name}${operation.path === '/' ? '' : operation.path.replace(/:(\w+)/g, '{$1}')}`;
      paths[path] ??= {};
      paths[path][operation.method.toLowerCase()] = describe(item, operation, schemas);
    }
    paths[`/${item.name}/healthz`] = { get: healthz(item) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'COGO functions',
      version: COGO_VERSION,
      description:
        'Every answer is the envelope; a stream is server-sent events that begin with `meta` and end with `done` or `error`.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [
      {
        url: '{origin}/functions/v1',
        variables: {
          origin: { default: 'http://127.0.0.1:54321', description: 'The project URL (SUPABASE_URL).' },
        },
      },
    ],
    tags: functions.map((item) => ({ name: item.name, description: item.summary })),
    paths,
    components: {
      schemas,
      securitySchemes: {
        apikey: { type: 'apiKey', in: 'header', name: 'apikey', description: 'Publishable or secret key.' },
        user: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'JWT of a signed-in user.',
        },
        token: {
          type: 'apiKey',
          in: 'header',
          name: 'x-cogo-token',
          description: 'Project or worker token.',
        },
      },
    },
  };
}

function describe(item: FunctionSpec, operation: Operation, schemas: Record<string, Json>): Json {
  const parameters = [
    ...fieldsAsParameters(operation.params, 'path'),
    ...fieldsAsParameters(operation.query, 'query'),
    header('X-Trace-Id', 'Trace id to go by; made when absent.'),
    ...(operation.idempotent
      ? [header('Idempotency-Key', 'The same key and body give the stored answer for 24 hours.')]
      : []),
    ...(operation.stream
      ? [header('Last-Event-ID', 'Resumes a recorded stream (same Idempotency-Key) after this frame.')]
      : []),
  ];
  const description: Json = {
    operationId: operation.id,
    tags: [item.name],
    summary: operation.summary,
    parameters,
    responses: responses(operation, schemas),
    security: security(operation),
  };
  if (operation.body) {
    description['requestBody'] = {
      required: true,
      content: { 'application/json': { schema: schemaOf(operation.body, 'input', schemas) } },
    };
  }
  return description;
}

function responses(operation: Operation, schemas: Record<string, Json>): Json {
  const content: Json = { 'application/json': { schema: schemaOf(operation.response, 'output', schemas) } };
  if (operation.events) {
    content['text/event-stream'] = {
      schema: { type: 'string', description: `Events: ${Object.keys(operation.events).join(', ')}.` },
      'x-events': Object.fromEntries(
        Object.entries(operation.events).map(([name, event]) => [
          name,
          name === 'error' ? { $ref: '#/components/schemas/Failure' } : schemaOf(event, 'output', schemas),
        ]),
      ),
    };
  }
  const slugs = new Set<ErrorSlug>([
    ...(operation.body
      ? BODY_ERRORS
      : operation.query || operation.params
        ? (['validation_failed'] as const)
        : []),
    ...(operation.idempotent ? (['idempotency_conflict', 'bad_request'] as const) : []),
    ...PLANE_ERRORS,
    ...(operation.errors ?? []),
  ]);
  const byStatus = new Map<number, ErrorSlug[]>();
  for (const slug of slugs)
    byStatus.set(ERROR_TABLE[slug].status, [...(byStatus.get(ERROR_TABLE[slug].status) ?? []), slug]);
  const failures = [...byStatus]
    .sort(([a], [b]) => a - b)
    .map(([status, list]) => [
      String(status),
      {
        description: list.join(', '),
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Failure' } } },
      },
    ]);
  return { 200: { description: 'Done.', content }, ...Object.fromEntries(failures) };
}

function security(operation: Operation): Json[] {
  if (operation.auth === 'any') return [];
  if (operation.auth === 'service') return [{ apikey: [] }];
  return [{ apikey: [] }, { apikey: [], user: [] }, { apikey: [], token: [] }];
}

function fieldsAsParameters(schema: z.ZodType | undefined, where: 'path' | 'query'): Json[] {
  if (!schema) return [];
  const { properties = {}, required = [] } = schemaOf(schema, 'input') as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, field]) => {
    const { description, ...rest } = field;
    return {
      name,
      in: where,
      required: where === 'path' || required.includes(name),
      schema: rest,
      ...(description === undefined ? {} : { description }),
    };
  });
}

function header(name: string, description: string): Json {
  return { name, in: 'header', required: false, description, schema: { type: 'string' } };
}

function healthz(item: FunctionSpec): Json {
  return {
    operationId: `${item.operations[0]!.id}Health`,
    tags: [item.name],
    summary: 'Whether the function runs, its version and what is configured.',
    security: [],
    responses: {
      200: {
        description: 'It runs.',
        content: {
          'application/json': {
            schema: {
              type: 'object',
              required: ['ok', 'name', 'version', 'configured'],
              properties: {
                ok: { const: true },
                name: { type: 'string' },
                version: { type: 'string' },
                place: { type: 'string' },
                configured: { type: 'object', additionalProperties: { type: ['boolean', 'string'] } },
              },
            },
          },
        },
      },
    },
  };
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output', shared?: Record<string, Json>): Json {
  const {
    $schema: _dialect,
    $defs: definitions,
    ...rest
  } = z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Json;
  for (const [name, definition] of Object.entries((definitions ?? {}) as Record<string, Json>)) {
    const { id: _id, ...plain } = definition;
    if (shared) shared[name] = relocate(plain) as Json;
  }
  const { id: _id, ...plain } = rest;
  return relocate(plain) as Json;
}

// Schemas with an id come as $defs of the schema that uses them; in the document they are components.
function relocate(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(relocate);
  if (typeof node !== 'object' || node === null) return node;
  return Object.fromEntries(
    Object.entries(node).map(([key, value]) =>
      key === '$ref' && typeof value === 'string'
        ? [key, value.replace('#/$defs/', '#/components/schemas/')]
        : [key, relocate(value)],
    ),
  );
}
