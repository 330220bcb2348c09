import { setTimeout } from 'node:timers/promises';
import { failure } from '@cogo/spec/result.ts';
import type { Command } from 'commander';
import { addCommand, addGroup, withProject, type Host, type ProjectOption, type Run } from '../command.ts';
import { connect, getProject } from '../session/connect.ts';
import { unwrap } from '../unwrap.ts';

interface Status {
  enabled: boolean;
  backlog: number;
  oldest_at: string | null;
  told: number;
}

/** How long a mirror that follows waits before it looks at the outbox again. */
const FOLLOW_MS = 2000;

/** `cogo mirror status|start|run|stop`: the code graph of a project in Neo4j. */
export function registerMirror(host: Host, root: Command): void {
  const mirror = addGroup(
    root,
    'mirror',
    'the code graph of a project in Neo4j (NEO4J_URL, NEO4J_USER, NEO4J_PASSWORD)',
  );
  const answer = (status: Status) => ({
    json: { ok: true, ...status },
    text: status.enabled
      ? `${status.backlog} changed files to tell${status.oldest_at ? `, the oldest since ${status.oldest_at}` : ''}; ${status.told} told so far.`
      : 'The project has no mirror: cogo mirror start',
  });

  addCommand<ProjectOption>(host, mirror, {
    name: 'status',
    about: 'how far the mirror is behind',
    options: withProject,
    action: async (run, options) => {
      const { rpc, id } = await open(run, options);
      return answer(unwrap(await rpc.call<Status>('mirror_status', { project_id: id }), 'read the mirror'));
    },
  });
  addCommand<ProjectOption>(host, mirror, {
    name: 'start',
    about: 'begin to mirror: all that is published, then every change; again: everything anew',
    options: withProject,
    action: async (run, options) => {
      const { rpc, id } = await open(run, options);
      return answer(unwrap(await rpc.call<Status>('mirror_start', { project_id: id }), 'start the mirror'));
    },
  });
  addCommand<ProjectOption & { follow?: boolean }>(host, mirror, {
    name: 'run',
    about: 'tell Neo4j what changed; may be stopped and started again at any time',
    options: (command) => withProject(command).option('--follow', 'go on with every change until Ctrl-C'),
    action: async (run, options) => {
      const { rpc, id } = await open(run, options);
      const { runMirror } = await import('@cogo/knowledge/mirror/mirror.ts');
      const driver = await neo4j(run);
      const { signal } = run.io;
      const step = run.progress.step('mirror');
      let told = 0;
      try {
        do {
          const before = told;
          const done = await runMirror({
            rpc,
            projectId: id,
            driver,
            signal,
            onProgress: (now, backlog) => step.update(`${before + now} files told, ${backlog} to go`),
          });
          told += unwrap(done, 'tell Neo4j').told;
          if (options.follow) await setTimeout(FOLLOW_MS, undefined, { signal }).catch(() => {});
        } while (options.follow && !signal.aborted);
        step.done(`${told} files told`);
      } catch (error) {
        step.fail();
        throw error;
      } finally {
        await driver.close();
      }
      return { json: { ok: true, told }, text: '' };
    },
  });
  addCommand<ProjectOption>(host, mirror, {
    name: 'stop',
    about: 'take the mirror away, and the project out of Neo4j',
    options: withProject,
    action: async (run, options) => {
      const { rpc, id } = await open(run, options);
      const { clearMirror } = await import('@cogo/knowledge/mirror/mirror.ts');
      unwrap(await rpc.call('mirror_stop', { project_id: id }), 'stop the mirror');
      const driver = await neo4j(run);
      try {
        const { removed } = unwrap(await clearMirror(driver, id), 'clear Neo4j');
        return {
          json: { ok: true, removed },
          text: `The mirror is gone; ${removed} nodes were removed from Neo4j.`,
        };
      } finally {
        await driver.close();
      }
    },
  });
}

async function open(run: Run, options: ProjectOption) {
  const session = await connect(run, options);
  return { rpc: session.rpc, id: (await getProject(session, options)).id };
}

async function neo4j(run: Run) {
  const { env } = run.io;
  const url = env['NEO4J_URL'];
  if (!url || !URL.canParse(url)) {
    unwrap(
      failure('neo4j_not_configured', 'NEO4J_URL is not set, or no address: bolt://host:7687.'),
      'reach Neo4j',
    );
  }
  const { openNeo4j } = await import('@cogo/knowledge/mirror/mirror.ts');
  return openNeo4j(url!, env['NEO4J_USER'], env['NEO4J_PASSWORD']);
}
