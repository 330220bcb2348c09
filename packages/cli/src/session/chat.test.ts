import assert from 'node:assert/strict';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { encodeFrame } from '@cogo/spec/sse.ts';
import { CommandError } from '../command_error.ts';
import { askChat, type ChatAsk } from './chat.ts';

async function server(
  t: TestContext,
  answer: (body: Record<string, unknown>, response: ServerResponse) => void,
): Promise<string> {
  const http = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    answer({ ...(JSON.parse(text) as object), headers: request.headers }, response);
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    http.closeAllConnections();
    http.close();
  });
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
}

function asking(functions: string, over: Partial<ChatAsk> = {}): ChatAsk {
  return {
    functions,
    apikey: 'pk',
    token: 'cogo_pt_x',
    projectId: 'p',
    question: 'q?',
    signal: new AbortController().signal,
    onToken: () => {},
    ...over,
  };
}

const citation = { n: 1, chunk_id: 7, repo: 'r', path: 'a.ts', start_line: 1, end_line: 2, quote: 'x' };

test('tokens arrive one by one and the answer with its citations at the end', async (t) => {
  let asked: Record<string, unknown> = {};
  const url = await server(t, (body, response) => {
    asked = body;
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const send = (event: string, data: object) => response.write(encodeFrame({ event, data }));
    send('meta', { trace_id: 'trace-0001' });
    send('llm.delta', { trace_id: 'trace-0001', index: 0, token: 'Hel' });
    send('llm.delta', { trace_id: 'trace-0001', index: 1, token: 'lo' });
    send('llm.done', { text: 'Hello', citations: [citation], refused: false, session_id: 's' });
    send('done', {});
    // Left open, as hosted does for a while: the client must not wait for the end of the socket.
  });
  const tokens: string[] = [];
  const answer = await askChat(asking(url, { repo: 'r', onToken: (token) => tokens.push(token) }));
  assert.deepEqual(tokens, ['Hel', 'lo']);
  assert.equal(answer.text, 'Hello');
  assert.equal(answer.trace_id, 'trace-0001');
  assert.deepEqual(answer.citations, [citation]);
  assert.deepEqual(asked['retrieval'], { filter: { repo: 'r' } });
  assert.equal((asked['headers'] as Record<string, string>)['x-cogo-token'], 'cogo_pt_x');
});

test('a refusal is told with its code, reason and trace', async (t) => {
  const url = await server(t, (_body, response) => {
    response.writeHead(503, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify({
        ok: false,
        error: 'not_configured',
        code: 'not_configured',
        message: 'no model',
        trace_id: 'trace-0002',
      }),
    );
  });
  await assert.rejects(askChat(asking(url)), (error: CommandError) => {
    assert.equal(error.code, 'not_configured');
    assert.equal(error.why, 'no model (trace trace-0002)');
    return true;
  });
});

test('an error frame, a cut stream and a server that is not there are failures', async (t) => {
  const failing = await server(t, (_body, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end(encodeFrame({ event: 'error', data: { code: 'timeout', message: 'too slow' } }));
  });
  await assert.rejects(askChat(asking(failing)), { code: 'timeout' });
  const cut = await server(t, (_body, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end(encodeFrame({ event: 'llm.delta', data: { token: 'Hel' } }));
  });
  await assert.rejects(askChat(asking(cut)), {
    code: 'unavailable',
    why: /ended before the answer was complete/,
  });
  await assert.rejects(askChat(asking('http://127.0.0.1:1')), { code: 'unavailable' });
});

test('Ctrl-C in the middle of an answer is an interruption', async (t) => {
  const stop = new AbortController();
  const url = await server(t, (_body, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(encodeFrame({ event: 'llm.delta', data: { token: 'Hel' } }));
  });
  const asked = askChat(asking(url, { signal: stop.signal, onToken: () => stop.abort('interrupted') }));
  await assert.rejects(asked, (error: CommandError) => error instanceof CommandError && error.exit === 130);
});
