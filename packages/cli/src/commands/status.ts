import type { Command } from 'commander';
import { addCommand, withData, type DataOption, type Host } from '../command.ts';
import { dataDir } from '../session/data_dir.ts';
import { stackHealth } from '../session/health.ts';
import { processName, processTree } from '../session/process_tree.ts';
import { stackState } from '../session/running.ts';
import { urlLines } from '../session/url_lines.ts';
import { table } from '../table.ts';

/** `cogo status`: what runs, and whether it is well. */
export function registerStatus(host: Host, root: Command): void {
  addCommand<DataOption>(host, root, {
    name: 'status',
    about: 'what runs, where, and whether it is well',
    after: 'Exits 0 when all services answer, 1 when one does not, 2 when no stack is running.',
    options: withData,
    action: async (run, options) => {
      const dir = dataDir(run.io, options);
      const found = stackState(dir);
      if (found.state !== 'running') {
        const why = found.state === 'killed' ? ' The last one was killed; its data is safe.' : '';
        return {
          json: { ok: false, state: found.state, data: dir },
          text: `No stack is running in ${dir}.${why} Start one: cogo up`,
          exit: 2,
        };
      }
      const { stack } = found;
      const services = await stackHealth(stack);
      const processes = processTree(stack.pid).map(({ pid, rss, command }) => ({
        name: processName(command),
        pid,
        rss_bytes: rss,
      }));
      const ok = services.every((service) => service.up);
      const text = [
        `COGO ${stack.version} on ${stack.db}, pid ${stack.pid}, since ${stack.started_at}, data in ${dir}`,
        urlLines(stack),
        '',
        table(
          ['SERVICE', 'STATE', 'MS', ''],
          services.map((one) => [
            one.name,
            one.up ? 'up' : 'down',
            one.ms === null ? '–' : String(one.ms),
            one.why ?? '',
          ]),
        ),
        ...(processes.length > 0
          ? [
              '',
              table(
                ['PROCESS', 'PID', 'MEMORY'],
                processes.map((one) => [
                  one.name,
                  String(one.pid),
                  `${Math.round(one.rss_bytes / 1_048_576)} MiB`,
                ]),
              ),
            ]
          : []),
      ].join('\n');
      const { pid, urls, ports, started_at, version, db } = stack;
      return {
        json: {
          ok,
          state: 'running',
          data: dir,
          pid,
          urls,
          ports,
          started_at,
          version,
          db,
          services,
          processes,
        },
        text,
        exit: ok ? 0 : 1,
      };
    },
  });
}
