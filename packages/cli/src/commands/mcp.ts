import { once } from 'node:events';
import type { Command } from 'commander';
import { addCommand, type Host } from '../command.ts';
import { wholeNumber } from '../numbers.ts';
import { questionVectorHere } from '../session/embedders.ts';
import { openTarget, withTarget, type TargetOption } from '../session/target.ts';

type Options = TargetOption & { http?: boolean; port: number; origin?: string[] };

/** `cogo mcp`: gives coding agents search, ask, symbol, callers, impact and read_span. */
export function registerMcp(host: Host, root: Command): void {
  addCommand<Options>(host, root, {
    name: 'mcp',
    about: 'serve the project to coding agents over MCP, on stdin and stdout or with --http',
    after: `Over stdio the agent starts it: cogo mcp --project local
Over HTTP it listens on 127.0.0.1 and wants a token of the project: cogo keys token`,
    options: (command) =>
      withTarget(command)
        .option('--http', 'over HTTP instead, at /mcp')
        .option('--port <n>', 'port of --http, 0 for any', wholeNumber(0, 65_535), 54_333)
        .option('--origin <url...>', 'browser origins that may call, besides loopback'),
    action: async (run, options) => {
      const target = await openTarget(run, options);
      const project = await target.project();
      const { dataApiRpc } = await import('@cogo/client/data_api_rpc.ts');
      // As the project's token, not as the server: an agent gets what an editor of this one project may see.
      const rpcOf = (cogoToken: string) => dataApiRpc({ url: target.url, apikey: target.apikey, cogoToken });
      const questionVector = questionVectorHere(run.io);
      if (!options.http) {
        const { serveStdio } = await import('@cogo/mcp/stdio.ts');
        const token = await target.token(project);
        const rpc = token ? rpcOf(token) : target.rpc;
        const { stdin: input, stdout: output, signal } = run.io;
        await serveStdio({ rpc, projectId: project.id, questionVector }, { input, output, signal });
        return { json: undefined };
      }
      const { serveHttp } = await import('@cogo/mcp/http.ts');
      const server = await serveHttp({
        port: options.port,
        rpcOf,
        projectId: project.id,
        questionVector,
        ...(options.origin ? { origins: options.origin } : {}),
      });
      if (run.json)
        run.io.stdout.write(`${JSON.stringify({ ok: true, url: server.url, project: project.slug })}\n`);
      else run.say(`MCP of ${project.slug} at ${server.url}; Ctrl-C ends it.\n`);
      if (!run.io.signal.aborted) await once(run.io.signal, 'abort');
      await server.close();
      return { json: undefined };
    },
  });
}
