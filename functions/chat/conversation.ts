// One turn of a chat. Stages, each an event on the bus:
//   chat.started -> rag.done -> llm.done -> chat.done
//                \-> chat.failed (any error; the client leaving is one)
import type { SearchAnswer } from '@cogo/knowledge/answer/search.ts';
import type { CallRpc } from '@cogo/knowledge/answer/span.ts';
import type { CogoError } from '@cogo/spec/errors.ts';
import type { ChatRequest } from '@cogo/spec/schemas/chat.ts';
import type { Result } from '@cogo/spec/result.ts';
import { failure, ok } from '@cogo/spec/result.ts';
import type { Context } from '../_shared/context.ts';
import { searchSummary } from '../_shared/search_summary.ts';
import { findAnswerEvidence } from '@cogo/knowledge/answer/find_evidence.ts';
import { answerEmbedded, EMBEDDED, type EmbeddedAnswer } from '@cogo/knowledge/answer/embedded_answer.ts';

/** Spans an answer is made from, unless `retrieval.k` says. */
const DEFAULT_SPANS = 8;

interface Session {
  session_id: string;
  /** Id of the message the answer will be. */
  answer_id: number;
}

export class Conversation {
  private readonly ctx: Context<ChatRequest>;
  private readonly startedAt: number;

  constructor(ctx: Context<ChatRequest>) {
    this.ctx = ctx;
    this.startedAt = ctx.deps.now();
    // The request's record is written right after the abort; only what is said in this moment gets into it.
    ctx.signal.addEventListener('abort', () => this.failed(ctx.signal.reason as CogoError), { once: true });
  }

  /** What the caller asked last. */
  get question(): string {
    const { text, messages } = this.ctx.body;
    return text ?? messages?.at(-1)?.content ?? '';
  }

  /** Opens or continues the session, stores what was said, and finds the evidence: one call of the database for all of it. */
  async begin(): Promise<Result<{ session: Session; found: SearchAnswer }>> {
    const { body, db, signal } = this.ctx;
    const { k = DEFAULT_SPANS, strategy = 'auto', filter } = body.retrieval ?? {};
    let session: Session | undefined;
    const open = async (query?: unknown) => {
      const begun = await db.call<Session & { found?: unknown }>('chat_begin', this.said(query), { signal });
      if (begun.ok) session = this.started(begun.value);
      return begun;
    };
    // The first search goes with the begin; a second one (with a vector of the project's own model) goes alone.
    const rpc: CallRpc = {
      call: async <T>(fn: string, args?: Record<string, unknown>, options?: { signal?: AbortSignal }) => {
        if (session || fn !== 'search') return await db.call<T>(fn, args, options);
        const begun = await open(args?.['query']);
        return begun.ok ? ok(begun.value.found as T) : begun;
      },
    };
    const found: Result<SearchAnswer> =
      k === 0
        ? ok({ items: [], route: 'docs', strategy: 'lexical', generation: null, took_ms: 0, terms: {} })
        : await findAnswerEvidence({
            rpc,
            projectId: body.project_id,
            q: this.question,
            limit: k,
            strategy,
            filter,
            signal,
          });
    if (!found.ok) return this.failing(found);
    // A question without a searchable word is not searched for.
    if (!session) {
      const begun = this.failing(await open());
      if (!begun.ok) return begun;
    }
    this.ctx.emit('rag.done', {
      ...searchSummary(found.value),
      chunk_ids: found.value.items.map((item) => item.chunk_id),
    });
    return ok({ session: session!, found: found.value });
  }

  private said(query: unknown): Record<string, unknown> {
    const { body, traceId } = this.ctx;
    return {
      project_id: body.project_id,
      session_id: body.session_id ?? null,
      trace_id: traceId,
      messages: body.messages ?? [{ role: 'user', content: body.text }],
      model: EMBEDDED.model,
      role_id: body.role_id ?? null,
      ...(query === undefined ? {} : { query }),
    };
  }

  private started({ session_id, answer_id }: Session): Session {
    this.ctx.emit('chat.started', { session_id, ...EMBEDDED, role_id: this.ctx.body.role_id ?? null });
    return { session_id, answer_id };
  }

  answer(found: SearchAnswer): Result<EmbeddedAnswer> {
    const answered = answerEmbedded(this.question, found);
    if (!answered.ok) return this.failing(answered);
    const { answer, usage } = answered.value;
    this.ctx.emit('llm.done', {
      ...EMBEDDED,
      refused: answer.refused,
      citations: answer.citations.length,
      usage,
    });
    return answered;
  }

  /** Stores the answer and its usage; gives what `llm.done` says. */
  async close(session: Session, found: SearchAnswer, answered: EmbeddedAnswer) {
    const { answer } = answered;
    const stored = await this.call<{ message_id: number }>('chat_end', {
      session_id: session.session_id,
      trace_id: this.ctx.traceId,
      answer: { text: answer.text, citations: answer.citations, refused: answer.refused, ...EMBEDDED },
      usage: usageRow(answered),
    });
    return stored.ok ? ok(this.closed(session, found, answered, stored.value.message_id)) : stored;
  }

  /** Gives what the JSON answer says, and has it stored with the end of the request: one call instead of two. */
  closeWithRequest(session: Session, found: SearchAnswer, answered: EmbeddedAnswer) {
    const closed = this.closed(session, found, answered, session.answer_id);
    const { session_id } = session;
    this.ctx.keep('chat', {
      session_id,
      message_id: session.answer_id,
      answer: closed,
      usage: usageRow(answered),
    });
    return closed;
  }

  private closed(
    session: Session,
    found: SearchAnswer,
    { answer, usage }: EmbeddedAnswer,
    message_id: number,
  ) {
    const closed = {
      session_id: session.session_id,
      message_id,
      text: answer.text,
      citations: answer.citations,
      refused: answer.refused,
      ...EMBEDDED,
      role_id: this.ctx.body.role_id ?? null,
      route: found.route,
      ...(found.degraded ? { degraded: found.degraded } : {}),
      finish_reason: answer.refused ? 'no_evidence' : 'stop',
      usage,
    };
    const { text: _text, citations: _citations, ...event } = closed;
    this.ctx.emit('chat.done', { ...event, duration_ms: this.ctx.deps.now() - this.startedAt });
    return closed;
  }

  private async call<T>(fn: string, args: Record<string, unknown>): Promise<Result<T>> {
    const { db, signal } = this.ctx;
    return this.failing(await db.call<T>(fn, args, { signal }));
  }

  private failing<T>(result: Result<T>): Result<T> {
    if (!result.ok && !this.ctx.signal.aborted) this.failed(result.error);
    return result;
  }

  private failed(error: CogoError): void {
    this.ctx.emit('chat.failed', { code: error.code, message: error.message });
  }
}

function usageRow({ usage }: EmbeddedAnswer) {
  return {
    provider: EMBEDDED.provider,
    model: EMBEDDED.model,
    input_tokens: usage.prompt_tokens,
    output_tokens: usage.completion_tokens,
    cost_usd: usage.cost_usd,
  };
}

/** What the embedded answerer can not do is refused before anything is stored, never half done. */
export function capabilityFault({ model, response_format }: ChatRequest): Result<undefined> {
  if (model !== undefined && model !== EMBEDDED.model && model !== EMBEDDED.provider) {
    return failure(
      'not_configured',
      `No provider is configured for the model ${model}. Leave model out to be answered by the embedded answerer (${EMBEDDED.model}).`,
      { details: { reason: 'model_provider_missing', model, available: [EMBEDDED.model] } },
    );
  }
  if (response_format?.type === 'json_object') {
    return failure(
      'not_configured',
      'response_format json_object needs a model provider, and none is configured. Ask for text.',
      { details: { reason: 'json_needs_model' } },
    );
  }
  return ok(undefined);
}
