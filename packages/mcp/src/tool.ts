import type { CallRpc } from '@cogo/knowledge/answer/span.ts';
import type { QuestionVector } from '@cogo/knowledge/embed/question_vectors.ts';
import type { Result } from '@cogo/spec/result.ts';
import type { z } from 'zod';

/** What a tool works on: one project, as the caller. */
export interface ToolContext {
  rpc: CallRpc;
  /** uuid */
  projectId: string;
  questionVector?: QuestionVector | undefined;
  signal: AbortSignal;
}

/** A tool of the server. Its answer is one JSON document; an error is the tool's, with its code, never the protocol's. */
export interface Tool<Shape extends z.ZodRawShape = z.ZodRawShape> {
  name: string;
  title: string;
  description: string;
  input: Shape;
  run(args: z.output<z.ZodObject<Shape>>, context: ToolContext): Promise<Result<Record<string, unknown>>>;
}

/** Keeps the type of a tool's arguments until the list forgets it. */
export function tool<Shape extends z.ZodRawShape>(one: Tool<Shape>): Tool {
  return one as unknown as Tool;
}
