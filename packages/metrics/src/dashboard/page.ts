import { html, raw } from 'hono/html';
import type {
  Executor,
  IndexedRepo,
  Job,
  Overview,
  Part,
  ProjectOverview,
  Service,
  Trace,
} from '../overview.ts';
import { ago, elapsed, milliseconds } from './format.ts';
import { STYLE } from './style.ts';

type Html = ReturnType<typeof html>;

/** The page of `/dashboard/local`. Every value goes through hono's escaping template; only our own style is raw. */
export function renderPage(overview: Overview): Html {
  const now = overview.at.getTime();
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>COGO · dashboard</title>
<link rel="icon" href="data:,">
<style>${raw(STYLE)}</style>
<script src="/dashboard/refresh.js" defer></script>
<noscript><meta http-equiv="refresh" content="10"></noscript>
</head>
<body>
<header>
<h1>COGO</h1>
<span class="soft">dashboard ${ko('대시보드')}</span>
<span class="soft" id="at">as of <time datetime="${overview.at.toISOString()}">${overview.at.toISOString().slice(11, 19)} UTC</time></span>
<span class="bad" id="note" role="status"></span>
</header>
<main id="content">
<div class="cards">
<section class="card wide"><h3>Services ${ko('서비스')}</h3>${services(overview.services)}</section>
</div>
${projects(overview, now)}
</main>
<footer>COGO ${overview.version} · <a href="/metrics">metrics</a> · <a href="/healthz">healthz</a> · read-only</footer>
</body>
</html>`;
}

function projects(overview: Overview, now: number): Html {
  const all = overview.projects;
  if (!all.ok) return html`<h2>Projects</h2><p class="problem">Could not read the projects: ${all.error}</p>`;
  if (all.value.length === 0)
    return html`<h2>Projects</h2><p class="empty">None yet. Make one with <code>cogo index PATH</code>.</p>`;
  return html`${all.value.map((one) => project(one, now))}
${overview.more > 0 ? html`<p class="soft">and ${overview.more} more projects</p>` : ''}`;
}

function project(one: ProjectOverview, now: number): Html {
  return html`<h2>${one.project.name} <code class="soft">${one.project.slug}</code> <span class="soft">${one.project.visibility}</span></h2>
<div class="cards">
<section class="card"><h3>Jobs by state ${ko('작업 상태')}</h3>${shown(one.jobsByState, counts)}</section>
<section class="card"><h3>Workers ${ko('작업자')}</h3>${shown(one.executors, (rows) => executors(rows, now))}</section>
<section class="card wide"><h3>Index ${ko('색인')}</h3>${shown(one.repos, (rows) => repos(rows, now))}</section>
<section class="card"><h3>Last jobs ${ko('최근 작업')}</h3>${shown(one.jobs, (rows) => jobs(rows, now))}</section>
<section class="card"><h3>Recent traces ${ko('최근 추적')}</h3>${shown(one.traces, (rows) => traces(rows, now))}</section>
</div>`;
}

function ko(text: string): Html {
  return html`<span lang="ko">${text}</span>`;
}

function shown<T>(value: Part<T>, render: (value: T) => Html): Html {
  return value.ok ? render(value.value) : html`<p class="problem">Could not be read: ${value.error}</p>`;
}

function table(head: [name: string, numeric?: 'num'][], rows: Html[], empty: string): Html {
  if (rows.length === 0) return html`<p class="empty">${empty}</p>`;
  return html`<table><thead><tr>${head.map(([name, kind]) => html`<th scope="col" class="${kind ?? ''}">${name}</th>`)}</tr></thead><tbody>${rows}</tbody></table>`;
}

function services(rows: Service[]): Html {
  return table(
    [['Service'], ['State'], ['Answered in', 'num'], ['']],
    rows.map(
      (row) =>
        html`<tr><td>${row.name}</td><td class="state ${row.up ? 'ok' : 'bad'}">${row.up ? 'up' : 'down'}</td><td class="num">${milliseconds(row.ms)}</td><td class="soft">${row.note}</td></tr>`,
    ),
    'No services are watched.',
  );
}

function counts(byState: Record<string, number>): Html {
  const entries = Object.entries(byState).filter(([, count]) => count > 0);
  if (entries.length === 0) return html`<p class="empty">No jobs yet.</p>`;
  return html`<ul class="counts">${entries.map(([state, count]) => html`<li><b>${count}</b><span class="${tone(state)}">${state}</span></li>`)}</ul>`;
}

function executors(rows: Executor[], now: number): Html {
  return table(
    [['Executor'], ['Presence'], ['Running', 'num'], ['Sandbox'], ['Version'], ['Seen']],
    rows.map(
      (row) =>
        html`<tr><td><code>${row.executor_id}</code></td><td class="state ${row.online ? 'ok' : 'bad'}">${presence(row)}</td><td class="num">${row.running}${row.slots === null ? '' : ` / ${row.slots}`}</td><td>${row.sandbox ?? '–'}</td><td>${row.version ?? '–'}</td><td>${ago(row.last_seen, now)}</td></tr>`,
    ),
    'No worker has reported yet.',
  );
}

function presence({ online, draining }: Executor): string {
  if (!online) return 'offline';
  return draining ? 'draining' : 'online';
}

function repos(rows: IndexedRepo[], now: number): Html {
  return table(
    [['Repository'], ['Generation', 'num'], ['Commit'], ['Files', 'num'], ['Chunks', 'num'], ['Published']],
    rows.map(
      (row) =>
        html`<tr><td>${row.repo}</td><td class="num">${row.generation}</td><td><code>${(row.commit_sha ?? '–').slice(0, 10)}</code></td><td class="num">${row.files}</td><td class="num">${row.chunks}</td><td>${ago(row.published_at, now)}</td></tr>`,
    ),
    'Nothing is indexed yet: cogo index PATH',
  );
}

function jobs(rows: Job[], now: number): Html {
  return table(
    [['Job'], ['Type'], ['State'], ['Took', 'num'], ['Made']],
    rows.map(
      (row) =>
        html`<tr><td><code title="${row.job_id}">${row.job_id.slice(0, 8)}</code></td><td>${row.type}</td><td class="state ${tone(row.state)}">${row.state}</td><td class="num">${milliseconds(elapsed(row.started_at, row.finished_at, now))}</td><td>${ago(row.created_at, now)}</td></tr>`,
    ),
    'No jobs yet.',
  );
}

function traces(rows: Trace[], now: number): Html {
  return table(
    [['Trace'], ['Function'], ['Status'], ['Took', 'num'], ['Began']],
    rows.map(
      (row) =>
        html`<tr><td><code title="${row.trace_id}">${row.trace_id.slice(0, 12)}</code></td><td>${row.function ?? '–'}</td><td class="state ${tone(row.status)}">${row.status}</td><td class="num">${milliseconds(row.duration_ms)}</td><td>${ago(row.started_at, now)}</td></tr>`,
    ),
    'No traces yet.',
  );
}

const TONES: Record<string, string> = {
  succeeded: 'ok',
  ready: 'ok',
  dead: 'bad',
  failed: 'bad',
  running: 'run',
  queued: 'run',
};

function tone(state: string): string {
  return TONES[state] ?? '';
}
