import { readFrames } from '@cogo/spec/sse.ts';
import type { Citation } from '@cogo/spec/schemas/evidence.ts';
import { CommandError, interrupted } from '../command_error.ts';

export interface ChatAsk {
  /** Base of the functions: `http://127.0.0.1:54321/functions/v1` */
  functions: string;
  /** Publishable or secret key. */
  apikey: string;
  /** `cogo_pt_…`, where the key alone does not act. */
  token?: string;
  projectId: string;
  question: string;
  /** Only this repository of the project. */
  repo?: string;
  k?: number;
  signal: AbortSignal;
  onToken: (token: string) => void;
}

export interface ChatAnswer {
  text: string;
  citations: Citation[];
  refused: boolean;
  /** Why the search went by words alone, where it did. */
  degraded?: { code: string; message: string };
  session_id: string;
  trace_id: string;
}

/** Asks `chat` over SSE; tokens as they come, the whole answer at the end. Throws CommandError. */
export async function askChat(ask: ChatAsk): Promise<ChatAnswer> {
  const response = await post(ask);
  if (!response.ok || !response.body) throw await refused(response);
  let answer: ChatAnswer | undefined;
  let trace = response.headers.get('x-trace-id') ?? '';
  try {
    for await (const frame of readFrames(response.body)) {
      if (frame.event === 'done') break;
      const data = JSON.parse(frame.data) as Record<string, unknown>;
      if (typeof data['trace_id'] === 'string') trace = data['trace_id'];
      if (frame.event === 'llm.delta') ask.onToken(String(data['token']));
      if (frame.event === 'llm.done') answer = { ...(data as unknown as ChatAnswer), trace_id: trace };
      if (frame.event === 'error') throw envelopeError(data);
    }
  } catch (error) {
    if (ask.signal.aborted) throw interrupted();
    if (error instanceof CommandError) throw error;
    throw broken((error as Error).message);
  }
  if (!answer) throw broken('the stream ended before the answer was complete');
  return answer;
}

async function post(ask: ChatAsk): Promise<Response> {
  const retrieval = {
    ...(ask.k === undefined ? {} : { k: ask.k }),
    ...(ask.repo === undefined ? {} : { filter: { repo: ask.repo } }),
  };
  try {
    return await fetch(`${ask.functions}/chat`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'text/event-stream',
        apikey: ask.apikey,
        ...(ask.token ? { 'x-cogo-token': ask.token } : {}),
      },
      body: JSON.stringify({ project_id: ask.projectId, text: ask.question, stream: true, retrieval }),
      signal: ask.signal,
    });
  } catch (error) {
    if (ask.signal.aborted) throw interrupted();
    const cause = (error as { cause?: { code?: string } }).cause;
    throw broken(cause?.code ?? (error as Error).message);
  }
}

async function refused(response: Response): Promise<CommandError> {
  const text = await response.text();
  try {
    return envelopeError(JSON.parse(text) as Record<string, unknown>);
  } catch {
    return broken(`HTTP ${response.status}: ${text.slice(0, 200)}`);
  }
}

/** What the asker can do about it; for all else the logs tell more. */
const TODO: Record<string, string> = {
  validation_failed: 'ask with other words or options; see `cogo ask --help`',
  payload_too_large: 'ask something shorter',
  unauthorized: 'check the key or token',
  forbidden: 'ask an owner of the project for a token',
  not_found: 'check --project and the token',
};

function envelopeError(data: Record<string, unknown>): CommandError {
  const trace = typeof data['trace_id'] === 'string' ? ` (trace ${data['trace_id']})` : '';
  const code = String(data['code'] ?? data['error'] ?? 'internal');
  return new CommandError({
    code,
    what: 'The chat function could not answer.',
    why: `${String(data['message'] ?? 'it gave no reason')}${trace}`,
    todo: TODO[code] ?? 'see `cogo logs functions` and `cogo doctor`',
    details: data['details'],
    ...(TODO[code] === undefined ? {} : { exit: 2 as const }),
  });
}

function broken(why: string): CommandError {
  return new CommandError({
    code: 'unavailable',
    what: 'The chat function did not answer.',
    why,
    todo: 'see `cogo logs functions`; `cogo doctor` checks Deno',
  });
}
