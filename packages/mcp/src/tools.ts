import { askTool, searchTool } from './find_tools.ts';
import { callersTool, impactTool, symbolTool } from './graph_tools.ts';
import { readSpanTool } from './read_span.ts';
import type { Tool } from './tool.ts';

/** Every tool, in the order clients list them. */
export const TOOLS: readonly Tool[] = [
  searchTool,
  askTool,
  symbolTool,
  callersTool,
  impactTool,
  readSpanTool,
];
