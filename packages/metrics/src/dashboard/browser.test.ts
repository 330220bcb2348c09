import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { serve } from '@hono/node-server';
import { createMetricsApp } from '../app.ts';
import { fakeDeps } from '../fake_rpc.ts';

const CHROMIUM = process.env['COGO_TEST_CHROMIUM'] ?? '/usr/bin/chromium';
const skip = existsSync(CHROMIUM) ? false : `no browser at ${CHROMIUM} (apt-get install chromium)`;

test('a browser shows the dashboard without a violation of its policy and refreshes it in place', {
  skip,
}, async (t) => {
  const { chromium } = await import('playwright-core');
  let traces = 1;
  const deps = fakeDeps({
    list_traces: () =>
      Array.from({ length: traces }, (_, at) => ({
        trace_id: `trace-${at}`,
        function: 'chat',
        status: 'ready',
      })),
  });
  let now = deps.now();
  const app = createMetricsApp({ ...deps, now: () => now });
  const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 });
  t.after(() => server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  t.after(() => browser.close());
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  await page.clock.install();
  const problems: string[] = [];
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('requestfailed', (request) => problems.push(`${request.url()} failed`));

  const { port } = server.address() as AddressInfo;
  await page.goto(`http://127.0.0.1:${port}/`);
  assert.equal(page.url(), `http://127.0.0.1:${port}/dashboard/local`);
  assert.equal(await page.locator('.card').count(), 6);
  assert.equal(await page.getByText('trace-', { exact: false }).count(), 1);
  const card = await page
    .locator('.card')
    .first()
    .evaluate((node) => getComputedStyle(node).borderRadius);
  assert.equal(card, '10px', 'the style sheet is applied');

  traces = 3;
  now += 60_000;
  await page.clock.fastForward(6000);
  await page.getByText('trace-2').waitFor();
  assert.deepEqual(problems, []);

  const shot = process.env['COGO_TEST_SCREENSHOT'];
  if (shot) await page.screenshot({ path: shot, fullPage: true });
});
