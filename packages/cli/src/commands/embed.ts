import { setTimeout } from 'node:timers/promises';
import type { Embedder } from '@cogo/knowledge/embed/embedder.ts';
import type { FillReport } from '@cogo/knowledge/embed/fill.ts';
import { cogoError } from '@cogo/spec/errors.ts';
import { failure, ok, type Result } from '@cogo/spec/result.ts';
import type { Command } from 'commander';
import { addCommand, addGroup, withProject, type Host, type ProjectOption, type Run } from '../command.ts';
import { wholeNumber } from '../numbers.ts';
import { connect, getProject, type Session } from '../session/connect.ts';
import { embeddersHere } from '../session/embedders.ts';
import { table } from '../table.ts';
import { fromCogoError, unwrap } from '../unwrap.ts';

interface ModelStatus {
  name: string;
  status: string;
  dims: number;
  vectors: number;
  left: number;
  failed: number;
  hnsw: boolean;
}

interface EmbedStatus {
  current: string;
  chunks: number;
  models: ModelStatus[];
  errors?: { path: string; start_line: number; code: string; message: string; attempts: number }[];
}

const BUILT_IN = 'hash-1024-v1';

/** `cogo embed status|start|switch|retry|cancel`: the models a project's vectors are of. */
export function registerEmbed(host: Host, root: Command): void {
  const embed = addGroup(
    root,
    'embed',
    "embedding models of the project's chunks: build one beside, then switch",
  );

  addCommand<ProjectOption & { errors: number }>(host, embed, {
    name: 'status [model]',
    about: 'which model answers, how far the others are; with a model also the chunks that failed, and why',
    options: (command) =>
      withProject(command).option('--errors <n>', 'at most so many failed chunks', wholeNumber(0, 1000), 20),
    action: async (run, options, [model]) => {
      const { session, id } = await open(run, options);
      const args = { project_id: id, model: model ?? null, lim: options.errors };
      const status = unwrap(
        await session.rpc.call<EmbedStatus>('embed_status', args),
        'read the embedding models',
      );
      if (model !== undefined && model !== BUILT_IN && status.models.length === 0) {
        throw fromCogoError(
          cogoError('not_found', `The project has no embedding model ${model}.`),
          'show it',
        );
      }
      const configured = [...(await embeddersHere(run.io)).keys()];
      return { json: { ok: true, ...status, configured }, text: statusText(status, configured) };
    },
  });

  addCommand<ProjectOption & { detach?: boolean }>(host, embed, {
    name: 'start <model>',
    about: 'embed all chunks with a configured model, beside the one that answers; also resumes it',
    after: `A model is configured under "embedders" in cogo.config.json or in COGO_EMBEDDERS, or with COGO_EMBED_URL alone.
Ctrl-C keeps what is done; the same command goes on. Searches see nothing of it before \`cogo embed switch\`.`,
    options: (command) =>
      withProject(command).option('--detach', 'leave the work to the job embed.fill of the stack'),
    action: async (run, options, [name]) => {
      const { embedderNamed } = await import('@cogo/knowledge/embed/environment.ts');
      const { probeModel } = await import('@cogo/knowledge/embed/fingerprint.ts');
      const embedder = unwrap(embedderNamed(await embeddersHere(run.io), name!), `embed with ${name}`);
      const { session, id } = await open(run, options);
      const fingerprint = unwrap(await probeModel(embedder, run.io.signal), `ask ${name} the probes`);
      const model = { name, dims: embedder.dims, fingerprint, max_tokens: embedder.maxTokens };
      const started = unwrap(
        await session.rpc.call<ModelStatus>('embed_start', { project_id: id, model }),
        `start ${name}`,
      );
      if (options.detach) {
        return {
          json: { ok: true, model: started },
          text: `${started.left} chunks wait for the job embed.fill: \`cogo embed status ${name}\` shows how far it is.`,
        };
      }
      const report = await fillWithProgress(run, session, id, embedder, started.left);
      const now = unwrap(
        await session.rpc.call<EmbedStatus>('embed_status', { project_id: id, model: name }),
        'read how it went',
      );
      const ready = now.models[0]?.left === 0 && now.models[0]?.status === 'building';
      return {
        json: { ok: true, report, model: now.models[0], errors: now.errors },
        text: `${statusText(now, [])}${ready ? `\nAnswer with it from now on: cogo embed switch ${name}` : ''}`,
        exit: (now.models[0]?.failed ?? 0) > 0 ? 1 : 0,
      };
    },
  });

  addCommand<ProjectOption & { force?: boolean }>(host, embed, {
    name: 'switch <model>',
    about: `answer with another model's vectors from now on, all at once; ${BUILT_IN} is always there`,
    options: (command) =>
      withProject(command).option('--force', 'also while chunks still wait for their vector'),
    action: async (run, options, [model]) => {
      const { session, id } = await open(run, options);
      const args = { project_id: id, model, force: options.force ?? false };
      const done = unwrap(
        await session.rpc.call<{ model: string; before: string; failed: number }>('embed_switch', args),
        `switch to ${model}`,
      );
      const failed = done.failed > 0 ? ` ${done.failed} chunks have no vector of it.` : '';
      return {
        json: { ok: true, ...done },
        text: `Searches use ${done.model} (before: ${done.before}).${failed}`,
      };
    },
  });

  addCommand<ProjectOption>(host, embed, {
    name: 'retry <model>',
    about: 'let the chunks that failed be tried again, by the job embed.fill or `cogo embed start`',
    options: withProject,
    action: async (run, options, [model]) => {
      const { session, id } = await open(run, options);
      const done = unwrap(
        await session.rpc.call<{ retried: number }>('embed_retry', { project_id: id, model }),
        `retry ${model}`,
      );
      return { json: { ok: true, ...done }, text: `${done.retried} chunks will be tried again.` };
    },
  });

  addCommand<ProjectOption>(host, embed, {
    name: 'cancel <model>',
    about: 'give up a model that searches do not use, and delete its vectors',
    options: withProject,
    action: async (run, options, [model]) => {
      const { session, id } = await open(run, options);
      const step = run.progress.step(`delete the vectors of ${model}`);
      let removed = 0;
      for (let left = 1; left > 0; ) {
        const bite = await session.rpc.call<{ removed: number; left: number }>('embed_cancel', {
          project_id: id,
          model,
        });
        if (!bite.ok) step.fail();
        const done = unwrap(bite, `cancel ${model}`);
        removed += done.removed;
        left = run.io.signal.aborted ? 0 : done.left;
        step.update(`${done.left} left`);
      }
      step.done(`${removed} vectors`);
      return { json: { ok: true, model, removed }, text: '' };
    },
  });
}

async function open(run: Run, options: ProjectOption): Promise<{ session: Session; id: string }> {
  const session = await connect(run, options);
  return { session, id: (await getProject(session, options)).id };
}

async function fillWithProgress(
  run: Run,
  session: Session,
  projectId: string,
  embedder: Embedder,
  total: number,
): Promise<FillReport> {
  const { fillModel } = await import('@cogo/knowledge/embed/fill.ts');
  const { signal } = run.io;
  const step = run.progress.step(`embed with ${embedder.name}`);
  const sum: FillReport = { stored: 0, failed: 0, cut: 0, left: total, nextInS: null };
  try {
    for (;;) {
      const before = { ...sum };
      const add = (one: FillReport) => {
        sum.stored = before.stored + one.stored;
        sum.failed = before.failed + one.failed;
        sum.cut = before.cut + one.cut;
        sum.left = one.left;
        sum.nextInS = one.nextInS;
        step.update(`${sum.stored}/${total} chunks${sum.failed > 0 ? `, ${sum.failed} failures` : ''}`);
      };
      const round: Result<FillReport> = await fillModel({
        rpc: session.rpc,
        projectId,
        embedder,
        signal,
        onProgress: add,
      });
      add(unwrap(round, `embed with ${embedder.name}`));
      // What others hold, or what failed and is put off, shows again later.
      if (sum.nextInS === null) break;
      step.update(`${sum.left} chunks are held by others or put off, next look in ${sum.nextInS} s`);
      await setTimeout(Math.min(Math.max(sum.nextInS, 1), 30) * 1000, undefined, { signal }).catch(() => {});
      unwrap(signal.aborted ? failure('aborted', 'stopped') : ok(undefined), 'embed');
    }
    step.done(
      `${sum.stored} vectors${sum.cut > 0 ? `, ${sum.cut} texts cut to ${embedder.maxTokens} tokens` : ''}`,
    );
    return sum;
  } catch (error) {
    step.fail(`${sum.stored} of ${total} chunks are done and kept`);
    throw error;
  }
}

function statusText(status: EmbedStatus, configured: string[]): string {
  const rows = status.models.map((one) => [
    one.name,
    one.name === status.current ? 'answers' : one.status,
    String(one.dims),
    String(one.vectors),
    String(one.left),
    String(one.failed),
    one.hnsw ? 'HNSW' : 'exact',
  ]);
  if (status.current === BUILT_IN)
    rows.unshift([BUILT_IN, 'answers', '1024', String(status.chunks), '0', '0', 'exact']);
  const lines = [table(['MODEL', 'STATE', 'DIMS', 'VECTORS', 'LEFT', 'FAILED', 'SCAN'], rows)];
  for (const one of status.errors ?? [])
    lines.push(`${one.path}:${one.start_line}  ${one.message} [${one.code}]`);
  if (configured.length > 0) lines.push(`Configured here: ${configured.join(', ')}`);
  return lines.join('\n');
}
