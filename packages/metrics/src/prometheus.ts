import { Gauge, Registry, collectDefaultMetrics } from 'prom-client';
import type { Overview } from './overview.ts';

/** States a job can be in; a scrape shows each of them, also at 0. Source: the CHECK on cogo.jobs. */
const JOB_STATES = ['scheduled', 'blocked', 'queued', 'running', 'succeeded', 'cancelled', 'dead'];

/**
 * Metrics in Prometheus' text format: prefix `cogo_`, base units (seconds, bytes). Labels are bounded: project slugs of
 * the overview (at most ten), job states, service names; never an id, a path or a trace.
 */
export function createPrometheus(): {
  render(overview: Overview, tookSeconds: number): Promise<string>;
  contentType: string;
} {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'cogo_metrics_' });
  const gauge = (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name, help, labelNames, registers: [registry] });
  const info = gauge('cogo_info', 'Version of COGO, always 1', ['version']);
  const up = gauge('cogo_service_up', '1 when the service answered its probe', ['service']);
  const latency = gauge('cogo_service_probe_seconds', 'How long the probe took', ['service']);
  const scrape = gauge('cogo_scrape_seconds', 'How long reading the platform took');
  const readErrors = gauge('cogo_read_errors', 'Parts of the platform that could not be read in this scrape');
  const jobs = gauge('cogo_jobs', 'Jobs by state', ['project', 'state']);
  const files = gauge('cogo_index_files', 'Files in the published generations', ['project']);
  const chunks = gauge('cogo_index_chunks', 'Chunks in the published generations', ['project']);
  const repos = gauge('cogo_index_repos', 'Repositories indexed', ['project']);
  const online = gauge('cogo_executors_online', 'Executors seen in the last minute', ['project']);
  const running = gauge('cogo_executor_jobs_running', 'Jobs running on online executors', ['project']);

  return {
    contentType: registry.contentType,
    async render(overview, tookSeconds) {
      // A project that was deleted must not go on being reported.
      for (const each of [info, up, latency, jobs, files, chunks, repos, online, running]) each.reset();
      let errors = 0;
      info.set({ version: overview.version }, 1);
      scrape.set(tookSeconds);
      for (const service of overview.services) {
        up.set({ service: service.name }, service.up ? 1 : 0);
        if (service.ms !== null) latency.set({ service: service.name }, service.ms / 1000);
      }
      if (!overview.projects.ok) errors += 1;
      for (const one of overview.projects.ok ? overview.projects.value : []) {
        const project = one.project.slug;
        for (const each of [one.jobsByState, one.jobs, one.traces, one.repos, one.executors])
          if (!each.ok) errors += 1;
        if (one.jobsByState.ok) {
          for (const state of JOB_STATES) jobs.set({ project, state }, one.jobsByState.value[state] ?? 0);
        }
        if (one.repos.ok) {
          repos.set({ project }, one.repos.value.length);
          files.set({ project }, sum(one.repos.value.map((repo) => repo.files)));
          chunks.set({ project }, sum(one.repos.value.map((repo) => repo.chunks)));
        }
        if (one.executors.ok) {
          const present = one.executors.value.filter((executor) => executor.online);
          online.set({ project }, present.length);
          running.set({ project }, sum(present.map((executor) => executor.running)));
        }
      }
      readErrors.set(errors);
      return registry.metrics();
    },
  };
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
