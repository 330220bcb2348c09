import { createHash } from 'node:crypto';

export const STYLE = `
:root { color-scheme: light dark; --bg: #f6f7f9; --card: #fff; --ink: #16191d; --soft: #5b6470; --line: #dfe3e8; --ok: #14713d; --bad: #b42318; --run: #1d4fd8; }
@media (prefers-color-scheme: dark) { :root { --bg: #101317; --card: #191d23; --ink: #e8eaed; --soft: #9aa4b0; --line: #2c323a; --ok: #5fd38d; --bad: #ff8a7a; --run: #8ab4ff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--bg); color: var(--ink); font: 14px/1.5 system-ui, 'Noto Sans KR', 'Noto Sans CJK KR', sans-serif; }
header, main, footer { max-width: 1180px; margin: 0 auto; padding: 0 20px; }
header { padding-top: 22px; padding-bottom: 6px; display: flex; flex-wrap: wrap; gap: 4px 16px; align-items: baseline; }
h1 { font-size: 20px; margin: 0; }
h2 .soft { font-weight: 400; font-size: 13px; }
h2 { font-size: 16px; margin: 26px 0 10px; }
h3 { font-size: 13px; margin: 0 0 8px; }
:lang(ko) { font-weight: 400; color: var(--soft); }
.soft, footer { color: var(--soft); }
footer { padding-top: 20px; padding-bottom: 28px; font-size: 12px; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); gap: 14px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px; overflow-x: auto; }
.wide { grid-column: 1 / -1; }
table { border-collapse: collapse; }
th { text-align: left; font-weight: 500; color: var(--soft); font-size: 12px; }
th, td { padding: 3px 14px 3px 0; white-space: nowrap; vertical-align: top; }
td.num, th.num { text-align: right; font-variant-numeric: tabular-nums; }
th:last-child, td:last-child { padding-right: 0; }
table { min-width: 60%; }
a { color: var(--run); }
tbody tr + tr td { border-top: 1px solid var(--line); }
code { font: 12px/1.5 ui-monospace, 'SFMono-Regular', Menlo, monospace; }
.state { font-weight: 600; }
.ok { color: var(--ok); } .bad { color: var(--bad); } .run { color: var(--run); }
ul.counts { list-style: none; display: flex; flex-wrap: wrap; gap: 6px 18px; margin: 0; padding: 0; }
ul.counts b { font-size: 18px; font-variant-numeric: tabular-nums; margin-right: 4px; }
.problem { color: var(--bad); margin: 0; }
.empty { color: var(--soft); margin: 0; }
`;

/** Swaps the page's content for a fresh one every five seconds while it is looked at; scroll and focus stay. */
export const SCRIPT = `
const EVERY_MS = 5000;
async function refresh() {
  if (!document.hidden) {
    const note = document.getElementById('note');
    try {
      const answer = await fetch(location.href, { headers: { accept: 'text/html' } });
      if (!answer.ok) throw new Error('HTTP ' + answer.status);
      const next = new DOMParser().parseFromString(await answer.text(), 'text/html');
      for (const id of ['content', 'at']) document.getElementById(id).replaceWith(next.getElementById(id));
      note.textContent = '';
    } catch (error) {
      note.textContent = 'No answer from the server: this is an old picture. 연결이 끊겼습니다.';
    }
  }
  setTimeout(refresh, EVERY_MS);
}
setTimeout(refresh, EVERY_MS);
`;

/** Everything is refused but the page's one style sheet (by hash), its own script and fetches to itself. */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "script-src 'self'",
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');
