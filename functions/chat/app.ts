import { chat, chatHistory, type ChatRequest } from '@cogo/spec/schemas/chat.ts';
import type { Context, FrameStream, Reply } from '../_shared/context.ts';
import { createApp, type CogoApp, type GivenDeps } from '../_shared/plane.ts';
import { publicSpan } from '@cogo/knowledge/answer/find_evidence.ts';
import { searchSummary } from '../_shared/search_summary.ts';
import { capabilityFault, Conversation } from './conversation.ts';
import { EMBEDDED } from '@cogo/knowledge/answer/embedded_answer.ts';
import { pieces } from './pieces.ts';

export function makeApp(deps: GivenDeps = {}): CogoApp {
  return createApp({
    name: 'chat',
    deps,
    configured: () => ({ answerer: EMBEDDED.provider, provider: false }),
  })
    .route(chat, (ctx) => {
      const able = capabilityFault(ctx.body);
      if (!able.ok) return ctx.failWith(able.error);
      return ctx.wantsStream ? ctx.sse((stream) => streamAnswer(ctx, stream)) : answerAtOnce(ctx);
    })
    .route(chatHistory, async (ctx) => {
      const { session_id, limit } = ctx.query;
      const found = await ctx.db.call<{ messages: unknown[] }>(
        'chat_history',
        { session_id, lim: limit },
        { signal: ctx.signal },
      );
      return found.ok ? ctx.ok({ session_id, messages: found.value.messages }) : ctx.failWith(found.error);
    });
}

async function answerAtOnce(ctx: Context<ChatRequest>): Promise<Reply> {
  const turn = new Conversation(ctx);
  const begun = await turn.begin();
  if (!begun.ok) return ctx.failWith(begun.error);
  const { session, found } = begun.value;
  const answered = turn.answer(found);
  if (!answered.ok) return ctx.failWith(answered.error, { via: 'embedded' });
  const closed = turn.closeWithRequest(session, found, answered.value);
  return ctx.ok({ ...closed, message: { role: 'assistant', content: closed.text } });
}

async function streamAnswer(ctx: Context<ChatRequest>, stream: FrameStream) {
  const trace_id = ctx.traceId;
  const turn = new Conversation(ctx);
  const begun = await turn.begin();
  if (!begun.ok) return ctx.failWith(begun.error);
  const { session, found } = begun.value;
  for (const [index, span] of found.items.entries()) {
    if (!(await stream.send('rag.item', { trace_id, index, ...publicSpan(span) }))) return;
  }
  if (!(await stream.send('rag.done', { trace_id, ...searchSummary(found) }))) return;
  const answered = turn.answer(found);
  if (!answered.ok) return ctx.failWith(answered.error, { via: 'embedded' });
  for (const [index, token] of pieces(answered.value.answer.text).entries()) {
    if (!(await stream.send('llm.delta', { trace_id, index, token }))) return;
  }
  const closed = await turn.close(session, found, answered.value);
  if (!closed.ok) return ctx.failWith(closed.error);
  await stream.send('llm.done', { trace_id, ...closed.value });
}

export const app = makeApp();
