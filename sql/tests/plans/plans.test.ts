// The hot statements of the jobs domain never walk a whole table. Needs COGO_TEST_DB: the plans are read by auto_explain.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import postgres from 'postgres';
import { openTestDatabase } from '@cogo/stack/testing.ts';

const server = process.env['COGO_TEST_DB'];
const skip = server ? false : 'auto_explain needs a server; set COGO_TEST_DB';

const PROJECT = `select cogo_api.create_project('Plans');`;
const jobs = (calls: number, each: number) => `
  select cogo_api.enqueue(p.id, (select jsonb_agg(jsonb_build_object('type', 'code.debug', 'key', g || '-' || i,
           'delay_s', case when i % 3 = 0 then 1000 else 0 end)) from generate_series(1, ${each}) i))
    from cogo.projects p, generate_series(1, ${calls}) g;`;

test('an empty claim reads the same few pages whatever is delayed and leased, and a plain turn is few statements', {
  skip,
}, async () => {
  const { sql, plans, close } = await session();
  const buffers = () =>
    plans.reduce((sum, plan) => sum + Number(/Buffers: shared hit=(\d+)/.exec(plan)?.[1] ?? 0), 0);
  try {
    await sql.unsafe(`
      select cogo_api.create_project('Plans');
      select cogo_api.register_executor('one', '{"kind":"cogo-work","slots":1}');
      select cogo_api.enqueue(p.id, (select jsonb_agg(jsonb_build_object('type', 'code.debug', 'delay_s',
               case when g = 1 and i > 0 then 1000 else 0 end)) from generate_series(1, 1000) i))
        from cogo.projects p, generate_series(1, 2) g;
      select cogo_api.claim('one', 990);`);
    await sql.unsafe('vacuum analyze cogo.jobs');
    await sql.unsafe(`load 'auto_explain'; set auto_explain.log_nested_statements = on; set auto_explain.log_analyze = on;
      set auto_explain.log_buffers = on`);
    const seen = async (statement: string) => {
      await sql.unsafe('set auto_explain.log_min_duration = 0; set client_min_messages = log');
      plans.length = 0;
      await sql.unsafe(statement);
      // the last plan is that of the call itself
      const inside = plans.length - 1;
      const pages = buffers();
      await sql.unsafe('set client_min_messages = error; set auto_explain.log_min_duration = -1');
      return { inside, pages };
    };
    // One call in ten looks further than the queue, by chance: the fewest of some calls are those of a plain one.
    const fewest = async (calls: number, statement: string) => {
      const all: { inside: number; pages: number }[] = [];
      for (let n = 0; n < calls; n++) all.push(await seen(statement));
      return {
        inside: Math.min(...all.map((one) => one.inside)),
        pages: Math.min(...all.map((one) => one.pages)),
      };
    };
    const turn = await fewest(
      6,
      `select cogo_api.turn('one', (select jsonb_build_array(jsonb_build_object('job_id', id, 'token', lease_token, 'result', 1))
         from (select * from cogo.jobs where state = 'running' order by id limit 1) held), 1)`,
    );
    assert.ok(turn.inside >= 3 && turn.inside <= 10, `a turn is ${turn.inside} statements`);
    await sql.unsafe(`select cogo_api.claim('one', 1000); select cogo_api.sweep()`);
    const empty = await fewest(6, `select cogo_api.claim('one', 1)`);
    assert.ok(empty.inside >= 3 && empty.inside <= 7, `an empty claim is ${empty.inside} statements`);
    assert.ok(empty.pages > 0 && empty.pages <= 40, `an empty claim reads ${empty.pages} pages`);
  } finally {
    await close();
  }
});

test('claim, beat, finish, fail, release and sweep read jobs by index only', { skip }, () =>
  readByIndex(`${PROJECT} ${jobs(8, 1000)} analyze cogo.jobs; analyze cogo.job_payloads;`, 'select 1'),
);

test('they do so in a database without statistics, and in sessions that knew it almost empty', { skip }, () =>
  readByIndex(
    `alter table cogo.jobs set (autovacuum_enabled = off); alter table cogo.job_payloads set (autovacuum_enabled = off);
     ${PROJECT} ${jobs(1, 100)}`,
    jobs(4, 1000),
  ),
);

/** Every verb once before `fill`, so that its plans are those of what `made` left; then again, with a look at the plans. */
async function readByIndex(made: string, fill: string): Promise<void> {
  const { sql, plans, close } = await session();
  try {
    await sql.unsafe(made);
    await sql.unsafe(`load 'auto_explain'; set auto_explain.log_nested_statements = on; set auto_explain.log_min_duration = 0;
      set client_min_messages = log`);
    const verbs = [
      `select cogo_api.claim('one', 50)`,
      `select cogo_api.claim('one', 5, 30, array['code.debug'])`,
      `select cogo_api.claim('one', 5, 30, array['none.*'])`,
      `select cogo_api.beat('one', (select jsonb_agg(jsonb_build_object('job_id', id, 'token', lease_token)) from (select * from cogo.jobs where state = 'running' order by id limit 20) j))`,
      `select cogo_api.finish((select jsonb_agg(jsonb_build_object('job_id', id, 'token', lease_token, 'result', 1)) from (select * from cogo.jobs where state = 'running' order by id limit 20) j))`,
      `select cogo_api.fail((select jsonb_agg(jsonb_build_object('job_id', id, 'token', lease_token)) from (select * from cogo.jobs where state = 'running' order by id limit 5) j))`,
      `select cogo_api.release((select jsonb_agg(jsonb_build_object('job_id', id, 'token', lease_token)) from (select * from cogo.jobs where state = 'running' order by id limit 5) j))`,
      `select cogo_api.sweep()`,
    ];
    for (const verb of verbs) await sql.unsafe(verb);
    await sql.unsafe(fill);
    for (const verb of verbs) {
      plans.length = 0;
      await sql.unsafe(verb);
      const walked = plans.filter((plan) =>
        /Seq Scan on (jobs|job_payloads|job_events_\w+|job_attempts)\b/.test(plan),
      );
      assert.ok(plans.length > 0, `${verb}: no plan was seen`);
      assert.deepEqual(walked, [], verb);
    }
  } finally {
    await close();
  }
}

/** One session in a database of its own; what auto_explain says in it is in `plans`. */
async function session() {
  const place = await openTestDatabase();
  const [name] = await place.sql<{ name: string }>('select current_database() as name');
  const url = new URL(server!);
  url.pathname = `/${name!.name}`;
  const plans: string[] = [];
  const sql = postgres(url.href, { max: 1, onnotice: (notice) => plans.push(notice['message'] ?? '') });
  const close = async () => {
    await sql.end();
    await place.close();
  };
  return { sql, plans, close };
}
