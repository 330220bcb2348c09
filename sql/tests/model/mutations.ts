// Deliberate faults in the queue, each of which the model must find. Most are triggers, so that they hold whatever the functions look
// like; those in a function replace text in its definition, and say so when the text is not there any more.
import type { TestDatabase } from '@cogo/stack/testing.ts';

export interface Mutation {
  name: string;
  /** Statements. */
  sql?: string;
  /** Replaces `from` by `to` in cogo's functions; it must be found. */
  replace?: { from: string; to: string };
}

/** Changes each new version of a row of a table. `body` may set new. */
const onChange = (table: string, body: string, when = 'before update'): string => `
  create function public.mutant() returns trigger language plpgsql as $$ begin ${body} return new; end $$;
  create trigger mutant ${when} on ${table} for each row execute function public.mutant();`;

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'every attempt of a job has the same token, so a zombie is believed',
    sql: onChange(
      'cogo.jobs',
      `if new.lease_token is not null then new.lease_token := abs(hashtext(new.id::text)) + 1000000; end if;`,
    ),
  },
  {
    name: 'a token is not compared',
    replace: { from: 'j.lease_token = i.token', to: 'i.token is not null' },
  },
  {
    name: 'failures are not counted',
    sql: onChange('cogo.jobs', 'new.failures := old.failures;'),
  },
  {
    name: 'lost leases are not counted',
    sql: onChange('cogo.jobs', 'new.lease_losses := old.lease_losses;'),
  },
  {
    name: 'a release counts as a failure',
    sql: onChange(
      'cogo.jobs',
      'if new.releases > old.releases then new.failures := old.failures + 1; end if;',
    ),
  },
  {
    name: 'a slot is not given back',
    sql: onChange('cogo.job_slots', 'new.used := greatest(new.used, old.used);'),
  },
  {
    name: 'the slot of a cancelled job is not given back',
    sql: `
      ${onChange('cogo.jobs', `if new.state = 'cancelled' and old.state <> 'cancelled' then perform set_config('mutant.cancelled', txid_current()::text, false); end if;`)}
      create function public.keep_slot() returns trigger language plpgsql as $$ begin
        if current_setting('mutant.cancelled', true) = txid_current()::text then new.used := greatest(new.used, old.used); end if;
        return new; end $$;
      create trigger keep_slot before update on cogo.job_slots for each row execute function public.keep_slot();`,
  },
  {
    name: 'more jobs of a key are admitted than it has slots',
    sql: onChange('cogo.job_slots', 'new.slots := new.slots + 1;', 'before insert'),
  },
  {
    name: 'jobs that wait for their turn are never looked for',
    sql: onChange('cogo.lanes', 'new.backlog := false;'),
  },
  {
    name: 'a project has no share',
    sql: onChange('cogo.job_quotas', 'new.ready_share := 1000;'),
  },
  {
    name: 'a new process of an executor begins no epoch',
    sql: onChange('cogo.executors', 'new.epoch := old.epoch;'),
  },
  {
    name: 'the watermark goes past a live message',
    sql: onChange(
      'pgmq.q_cogo_work_default_1',
      `if new.msg_id % 5 = 0 then perform setval('cogo.low_cogo_work_default_1', new.msg_id + 1); end if;`,
      'before insert',
    ),
  },
  {
    name: 'a message is lost now and then',
    sql: onChange(
      'pgmq.q_cogo_work_default_1',
      `if new.msg_id % 5 = 0 then delete from pgmq.q_cogo_work_default_1 where msg_id = new.msg_id; end if;`,
      'after insert',
    ),
  },
  {
    name: 'a child that is over is not counted down',
    sql: onChange(
      'cogo.jobs',
      'new.pending_children := greatest(new.pending_children, old.pending_children);',
    ),
  },
  {
    name: 'the last child but one resumes its parent',
    sql: onChange(
      'cogo.jobs',
      'if new.pending_children < old.pending_children then new.pending_children := greatest(new.pending_children - 1, 0); end if;',
    ),
  },
  {
    name: 'a wish to cancel a running job is forgotten',
    sql: onChange(
      'cogo.jobs',
      `if new.state = 'running' then new.cancel_requested_at := old.cancel_requested_at; end if;`,
    ),
  },
  {
    name: 'a pin is forgotten when the job is tried again',
    sql: onChange('cogo.jobs', `if old.state = 'running' then new.pinned_executor_id := null; end if;`),
  },
  {
    name: 'the output of a step is lost',
    sql: onChange('cogo.job_steps', 'new.output := null;', 'before insert'),
  },
  {
    name: 'a checkpoint is not kept',
    sql: onChange('cogo.job_payloads', 'new.checkpoint := old.checkpoint;'),
  },
];

/** Puts the fault into a database. */
export async function mutate(place: TestDatabase, mutation: Mutation): Promise<void> {
  if (mutation.sql) await place.db.exec(mutation.sql);
  if (!mutation.replace) return;
  const { from, to } = mutation.replace;
  const found = await place.sql<{ def: string }>(
    `select pg_get_functiondef(p.oid) as def from pg_proc p join pg_namespace n on n.oid = p.pronamespace
      where n.nspname in ('cogo', 'cogo_api') and p.prosrc like '%' || $1 || '%'`,
    [from],
  );
  if (found.length === 0) throw new Error(`no function of cogo has the text to replace any more: ${from}`);
  for (const { def } of found) await place.db.exec(def.replaceAll(from, to));
}
