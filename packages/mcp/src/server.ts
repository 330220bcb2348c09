import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { cogoError, type CogoError } from '@cogo/spec/errors.ts';
import { COGO_VERSION } from '@cogo/spec/version.ts';
import type { ToolContext } from './tool.ts';
import { TOOLS } from './tools.ts';

const INSTRUCTIONS = `COGO knows this project's repositories: their code, its call graph, and their documents, as of a published generation.
Use search or symbol to find places, read_span to read them, callers and impact before changing something, ask for a cited answer.
Every answer names the generation it is from; when it differs from one you saw before, the index was renewed meanwhile.`;

/** An MCP server of one project, not yet connected to a transport. */
export function mcpServer(context: Omit<ToolContext, 'signal'>): McpServer {
  const server = new McpServer({ name: 'cogo', version: COGO_VERSION }, { instructions: INSTRUCTIONS });
  for (const tool of TOOLS) {
    server.registerTool(
      tool.name,
      {
        title: tool.title,
        description: tool.description,
        inputSchema: tool.input,
        annotations: { readOnlyHint: true, idempotentHint: true, openWorldHint: false },
      },
      async (args: Record<string, unknown>, { signal }: { signal: AbortSignal }) => {
        try {
          const result = await tool.run(args, { ...context, signal });
          return result.ok ? answer(result.value) : refusal(result.error);
        } catch {
          return refusal(
            cogoError('internal', `${tool.name} broke. Try it again; if it repeats, report it.`),
          );
        }
      },
    );
  }
  return server;
}

function answer(value: Record<string, unknown>) {
  return { content: [{ type: 'text' as const, text: JSON.stringify(value) }], structuredContent: value };
}

function refusal({ code, message, retryable, details }: CogoError) {
  const value = { code, message, retryable, ...(details === undefined ? {} : { details }) };
  return {
    isError: true,
    content: [{ type: 'text' as const, text: `${message} [${code}]` }],
    structuredContent: value,
  };
}
