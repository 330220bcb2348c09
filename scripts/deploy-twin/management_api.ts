// The part of Supabase's Management API that `supabase functions deploy --use-api` talks to, on loopback.
// What the CLI sends was read off the wire of npm supabase 3.1.0:
//   POST /v1/projects/{ref}/functions/deploy?slug=…[&bundleOnly=true]   multipart: metadata (JSON) and file parts -> 201
//   PUT  /v1/projects/{ref}/functions                                    the bundled ones go live together -> 200
//   GET  /v1/projects/{ref}/functions, GET /v1/projects/{ref}
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { randomUUID } from 'node:crypto';

/** Bytes a function may upload when the API bundles it (Supabase, "Edge Functions limits"). */
export const MAX_UPLOAD_BYTES = 5_000_000;

export interface UploadMetadata {
  entrypoint_path: string;
  import_map_path?: string;
  name: string;
  verify_jwt?: boolean;
  static_patterns?: string[];
}

export interface Upload {
  slug: string;
  metadata: UploadMetadata;
  /** Path as uploaded (relative to where the CLI ran) -> content. */
  files: Map<string, Uint8Array>;
  bytes: number;
  /** False until the bulk update made it live. */
  live: boolean;
  version: number;
}

export interface ManagementApi {
  url: string;
  uploads: Map<string, Upload>;
  /** Requests the twin does not know: a newer CLI may need more than is here. */
  unknown: string[];
  close(): Promise<void>;
}

interface Answer {
  status: number;
  body: unknown;
}

/** Starts the API for one project. `maxUploadBytes` is 5 MB unless told. */
export async function startManagementApi(options: {
  ref: string;
  accessToken: string;
  maxUploadBytes?: number;
}): Promise<ManagementApi> {
  const uploads = new Map<string, Upload>();
  const unknown: string[] = [];
  const limit = options.maxUploadBytes ?? MAX_UPLOAD_BYTES;
  const base = `/v1/projects/${options.ref}`;

  async function answer(request: IncomingMessage): Promise<Answer> {
    if (request.headers.authorization !== `Bearer ${options.accessToken}`) return refuse(401, 'Unauthorized');
    const url = new URL(request.url ?? '/', 'http://twin');
    switch (`${request.method} ${url.pathname}`) {
      case `GET ${base}`:
        return {
          status: 200,
          body: {
            id: options.ref,
            ref: options.ref,
            name: 'twin',
            region: 'local',
            status: 'ACTIVE_HEALTHY',
          },
        };
      case `GET ${base}/functions`:
        return { status: 200, body: [...uploads.values()].filter((item) => item.live).map(describe) };
      case `PUT ${base}/functions`:
        return goLive(JSON.parse((await readBody(request)).toString()) as { slug: string }[], uploads);
      case `POST ${base}/functions/deploy`: {
        const slug = url.searchParams.get('slug') ?? '';
        const parsed = await parseUpload(slug, request);
        const refusal = judgeUpload(parsed, limit);
        if (refusal) return refusal;
        const upload = { ...parsed, live: url.searchParams.get('bundleOnly') !== 'true' };
        upload.version = (uploads.get(slug)?.version ?? 0) + 1;
        uploads.set(slug, upload);
        return { status: 201, body: describe(upload) };
      }
      default:
        unknown.push(`${request.method} ${url.pathname}`);
        return refuse(404, `The twin does not know ${request.method} ${url.pathname}`);
    }
  }

  const server = createServer((request, response) => {
    answer(request).then(
      (reply) => send(response, reply),
      (error: Error) => send(response, refuse(500, error.message)),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    uploads,
    unknown,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function send(response: ServerResponse, reply: Answer): void {
  response.writeHead(reply.status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(reply.body));
}

function refuse(status: number, message: string): Answer {
  return { status, body: { message } };
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

async function parseUpload(slug: string, request: IncomingMessage): Promise<Upload> {
  const body = await readBody(request);
  const form = await new Response(new Uint8Array(body), {
    headers: { 'content-type': request.headers['content-type'] ?? '' },
  }).formData();
  const files = new Map<string, Uint8Array>();
  for (const part of form.getAll('file')) {
    if (typeof part === 'string') throw new Error('a file part has no file name');
    files.set(part.name, new Uint8Array(await part.arrayBuffer()));
  }
  const metadata = JSON.parse(String(form.get('metadata'))) as UploadMetadata;
  const bytes = [...files.values()].reduce((sum, content) => sum + content.length, 0);
  return { slug, metadata, files, bytes, live: false, version: 0 };
}

/** Why an upload is refused, or nothing. Names the file. */
export function judgeUpload(upload: Upload, limit: number): Answer | undefined {
  const { files, metadata, bytes } = upload;
  if (bytes > limit) {
    const [path, content] = [...files].reduce((a, b) => (b[1].length > a[1].length ? b : a));
    return refuse(
      413,
      `Function ${upload.slug} is ${bytes} bytes, more than the ${limit} allowed; its largest file is ${path} (${content.length} bytes)`,
    );
  }
  for (const path of [metadata.entrypoint_path, metadata.import_map_path]) {
    if (path && !files.has(path))
      return refuse(400, `Function ${upload.slug} names ${path} but did not upload it`);
  }
  const outside = [...files.keys()].find((path) => path.startsWith('/') || path.split('/').includes('..'));
  if (outside)
    return refuse(400, `Function ${upload.slug} uploads ${outside}, which is outside the project folder`);
  return undefined;
}

function goLive(items: { slug: string }[], uploads: Map<string, Upload>): Answer {
  for (const { slug } of items) {
    const upload = uploads.get(slug);
    if (!upload) return refuse(400, `${slug} was not uploaded`);
    upload.live = true;
  }
  return { status: 200, body: { functions: items.map(({ slug }) => describe(uploads.get(slug)!)) } };
}

function describe(upload: Upload) {
  return {
    id: randomUUID(),
    slug: upload.slug,
    name: upload.metadata.name,
    status: 'ACTIVE',
    version: upload.version,
    verify_jwt: upload.metadata.verify_jwt ?? true,
    import_map: upload.metadata.import_map_path !== undefined,
    entrypoint_path: upload.metadata.entrypoint_path,
    created_at: 0,
    updated_at: 0,
  };
}
