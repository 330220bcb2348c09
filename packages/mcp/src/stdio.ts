import type { Readable, Writable } from 'node:stream';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { mcpServer } from './server.ts';
import type { ToolContext } from './tool.ts';

/** Serves MCP over a pair of streams until the input ends or the signal aborts. Nothing else may write to `output`. */
export async function serveStdio(
  context: Omit<ToolContext, 'signal'>,
  streams: { input: Readable; output: Writable; signal: AbortSignal },
): Promise<void> {
  const server = mcpServer(context);
  const closed = new Promise<void>((resolve) => {
    server.server.onclose = resolve;
  });
  await server.connect(new StdioServerTransport(streams.input, streams.output));
  const end = () => void server.close();
  streams.input.once('end', end);
  streams.signal.addEventListener('abort', end, { once: true });
  if (streams.signal.aborted) end();
  await closed;
}
