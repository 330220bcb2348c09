// `chat_begin`, `chat_end` and `chat_history` in memory, with the rules of the SQL that a function can run into.
import { cogoError } from '@cogo/spec/errors.ts';
import { err } from '@cogo/spec/result.ts';
import type { FakeFunction } from '../_shared/testing.ts';

interface Message {
  id: number;
  role: string;
  content: string;
  created_at: string;
}

export interface MemoryChat {
  functions: Record<string, FakeFunction>;
  sessions: Map<string, { project_id: string; messages: Message[] }>;
  usage: Record<string, unknown>[];
}

/** `search` answers the query of a `chat_begin`. */
export function memoryChat(search: FakeFunction): MemoryChat {
  const sessions: MemoryChat['sessions'] = new Map();
  const usage: MemoryChat['usage'] = [];
  let ids = 0;
  const say = (id: string, role: string, content: string, kept?: number) => {
    const message = { id: kept ?? ++ids, role, content, created_at: '2026-01-01T00:00:00+00:00' };
    sessions.get(id)!.messages.push(message);
    return message.id;
  };
  const unknown = () => err(cogoError('not_found', 'no such chat session', { sqlstate: 'CG003' }));
  return {
    sessions,
    usage,
    functions: {
      chat_begin: async (args, caller) => {
        const project_id = String(args['project_id']);
        const given = args['session_id'] as string | null;
        if (given !== null && sessions.get(given)?.project_id !== project_id) return unknown();
        const { query } = args;
        const found = query === undefined ? undefined : await search({ project_id, query }, caller);
        if (found instanceof Object && 'ok' in found && found.ok === false) return found;
        const id = given ?? crypto.randomUUID();
        if (given === null) sessions.set(id, { project_id, messages: [] });
        const history = sessions.get(id)!.messages.map(({ role, content }) => ({ role, content }));
        let message_id = 0;
        for (const { role, content } of args['messages'] as Message[]) message_id = say(id, role, content);
        return {
          session_id: id,
          message_id,
          answer_id: ++ids,
          history,
          ...(query === undefined ? {} : { found }),
        };
      },
      chat_end: (args) => {
        const id = String(args['session_id']);
        if (!sessions.has(id)) return unknown();
        usage.push(args['usage'] as Record<string, unknown>);
        const { text } = args['answer'] as { text: string };
        return { message_id: say(id, 'assistant', text, args['message_id'] as number | undefined) };
      },
      chat_history: (args) => {
        const id = String(args['session_id']);
        const session = sessions.get(id);
        return session ? { session_id: id, ...session } : unknown();
      },
    },
  };
}
