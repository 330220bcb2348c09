import { z } from 'zod';
import { failureEnvelope, success } from '../envelope.ts';
import { operation, type FunctionSpec } from '../operation.ts';
import { citation, searchFilter, span, strategy, usage, degraded } from './evidence.ts';
import {
  bigintId,
  doneEvent,
  handoffEvent,
  metaEvent,
  model,
  projectId,
  queryInteger,
  roleId,
  sessionId,
  stream,
  timestamp,
} from './fields.ts';

export const chatMessage = z.object({
  role: z.enum(['system', 'user', 'assistant']),
  content: z.string().min(1).max(100_000),
});

export const chatRequest = z
  .object({
    project_id: projectId,
    messages: z.array(chatMessage).min(1).max(200).optional(),
    text: z
      .string()
      .trim()
      .min(1)
      .max(100_000)
      .optional()
      .describe('One user message; instead of `messages`.'),
    session_id: sessionId.optional(),
    role_id: roleId.optional(),
    model: model.optional(),
    retrieval: z
      .object({
        k: z.int().min(0).max(50).optional(),
        strategy: strategy.optional(),
        filter: searchFilter.optional(),
      })
      .optional(),
    response_format: z.object({ type: z.enum(['text', 'json_object']) }).optional(),
    stream,
  })
  .superRefine((value, context) => {
    if ((value.text === undefined) === (value.messages === undefined)) {
      context.addIssue({
        code: 'custom',
        path: ['text'],
        message: 'give exactly one of `text` and `messages`',
      });
    } else if (value.messages !== undefined && value.messages.at(-1)?.role !== 'user') {
      context.addIssue({
        code: 'custom',
        path: ['messages'],
        message: 'the last message must be of role user',
      });
    }
  });

const answer = {
  session_id: sessionId,
  message_id: z.union([z.uuid(), bigintId]),
  text: z.string(),
  citations: z.array(citation),
  refused: z.boolean().describe('true: the evidence holds no grounded answer.'),
  provider: z.string(),
  mode: z.enum(['extractive', 'generative']),
  model: z.string(),
  role_id: z.string().nullable(),
  route: z.string().nullable().describe('The retrieval route taken.'),
  degraded,
  finish_reason: z.string(),
  usage,
};

export const chatResponse = success(answer);

export const ragDone = z.object({
  trace_id: z.string(),
  count: z.int().nonnegative(),
  route: z.string(),
  strategy: z.string().optional(),
  generation: bigintId.nullable(),
  took_ms: z.number().nonnegative(),
  degraded,
});

export const chatEvents = {
  meta: metaEvent,
  'rag.item': span.extend({ trace_id: z.string(), index: z.int().nonnegative() }),
  'rag.done': ragDone,
  'llm.delta': z.object({ trace_id: z.string(), index: z.int().nonnegative(), token: z.string() }),
  'llm.done': z.object({ trace_id: z.string(), ...answer }),
  handoff: handoffEvent,
  done: doneEvent,
  error: failureEnvelope,
};

export const historyQuery = z.object({ session_id: sessionId, limit: queryInteger(1, 200, 50) });

export const historyResponse = success({
  session_id: sessionId,
  messages: z.array(
    z.object({ role: z.string(), content: z.string(), created_at: timestamp.optional() }).loose(),
  ),
});

export const chat = operation({
  id: 'chat',
  method: 'POST',
  path: '/',
  summary: 'Answers a question about a project with verified citations, as JSON or as a stream.',
  auth: 'anon',
  body: chatRequest,
  response: chatResponse,
  events: chatEvents,
  stream: true,
  idempotent: true,
  rate: { capacity: 120, refill_per_s: 10 },
  errors: ['not_found', 'not_configured', 'provider_error', 'quota_exceeded'],
});

export const chatHistory = operation({
  id: 'chatHistory',
  method: 'GET',
  path: '/history',
  summary: 'The messages of a session, oldest first.',
  auth: 'anon',
  query: historyQuery,
  response: historyResponse,
  errors: ['not_found'],
});

export const spec: FunctionSpec = {
  name: 'chat',
  summary: 'Cited answers over a project, with history.',
  operations: [chat, chatHistory],
};

export type ChatRequest = z.infer<typeof chatRequest>;
export type ChatResponse = z.infer<typeof chatResponse>;
