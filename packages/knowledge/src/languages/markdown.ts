import { isBlank, type SourceText } from '../source_text.ts';
import type { Chunked } from './chunk.ts';
import { assemble, type Piece } from './pieces.ts';

interface Heading {
  line: number;
  level: number;
  title: string;
}

/** Markdown and MDX: a chunk per heading section, named by its chain of headings. Headings inside fences are text. */
export function chunkMarkdown(source: SourceText): Chunked {
  const { lines } = source;
  const front = frontMatter(lines);
  const headings = findHeadings(lines, front.endLine);
  const pieces: Piece[] = [];
  const chain: Heading[] = [];
  const firstLine = headings[0]?.line ?? lines.length + 1;
  if (firstLine > 1) pieces.push(section(front.title ? [front.title] : [], 1, firstLine - 1));
  let pending: number | undefined;
  headings.forEach((heading, index) => {
    while (chain.length > 0 && chain.at(-1)!.level >= heading.level) chain.pop();
    chain.push(heading);
    const endLine = (headings[index + 1]?.line ?? lines.length + 1) - 1;
    const startLine = pending ?? heading.line;
    const next = headings[index + 1];
    // A heading with nothing under it but deeper headings opens its first child's section.
    if (next && next.level > heading.level && isEmptySection(lines, heading, endLine)) {
      pending = startLine;
      return;
    }
    pending = undefined;
    const titles = chain.map((one) => one.title);
    if (front.title && titles[0] !== front.title) titles.unshift(front.title);
    pieces.push(section(titles, startLine, endLine));
  });
  return { chunks: assemble(source, pieces, 1, lines.length) };
}

function section(titles: string[], startLine: number, endLine: number): Piece {
  const own = titles.at(-1);
  return {
    kind: 'section',
    ...(titles.length > 0 ? { heading: titles.join(' > ') } : {}),
    names: own ? [own] : [],
    startLine,
    endLine,
  };
}

function isEmptySection(lines: string[], heading: Heading, endLine: number): boolean {
  for (let line = heading.line + 1; line <= endLine; line += 1) {
    const text = lines[line - 1]!;
    if (!isBlank(text) && !/^\s*(?:=+|-+)\s*$/.test(text)) return false;
  }
  return true;
}

function frontMatter(lines: string[]): { endLine: number; title?: string } {
  if (lines[0]?.trim() !== '---') return { endLine: 0 };
  const close = lines.findIndex((line, index) => index > 0 && /^(?:---|\.\.\.)\s*$/.test(line));
  if (close < 0) return { endLine: 0 };
  const title = lines
    .slice(1, close)
    .map((line) => /^title:\s*(.+?)\s*$/.exec(line)?.[1])
    .find((value) => value !== undefined);
  return { endLine: close + 1, ...(title ? { title: title.replace(/^(["'])(.*)\1$/, '$2') } : {}) };
}

function findHeadings(lines: string[], skipTo: number): Heading[] {
  const headings: Heading[] = [];
  let fence: string | undefined;
  for (let index = skipTo; index < lines.length; index += 1) {
    const text = lines[index]!;
    const mark = /^ {0,3}(`{3,}|~{3,})/.exec(text)?.[1];
    if (fence) {
      if (mark?.startsWith(fence) && text.trim() === mark) fence = undefined;
      continue;
    }
    if (mark) {
      fence = mark;
      continue;
    }
    const atx = /^ {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$/.exec(text);
    if (atx?.[2]) {
      headings.push({ line: index + 1, level: atx[1]!.length, title: plainTitle(atx[2]) });
      continue;
    }
    const underline = /^ {0,3}(=+|-{2,})[ \t]*$/.exec(text)?.[1];
    if (underline && index > skipTo && isParagraph(lines[index - 1]!) && isBlank(lines[index - 2] ?? '')) {
      headings.push({
        line: index,
        level: underline[0] === '=' ? 1 : 2,
        title: plainTitle(lines[index - 1]!),
      });
    }
  }
  return headings;
}

function isParagraph(line: string): boolean {
  return !isBlank(line) && !/^\s*(?:[-*+>|]|\d+[.)]\s|#{1,6}\s)/.test(line) && !/^ {4}/.test(line);
}

/** A heading as a reader sees it: without anchors, links, emphasis and code marks. */
function plainTitle(raw: string): string {
  return raw
    .replace(/\{\/\*.*?\*\/\}|\{#[^}]*\}/g, '')
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/[`*]+/g, '')
    .trim();
}
