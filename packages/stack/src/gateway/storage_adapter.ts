import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { copyFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';

interface Meta {
  bucket: string;
  key: string;
  mimetype: string;
  cacheControl: string;
  size: number;
  eTag: string;
  lastModified: string;
}

export interface StorageOptions {
  folder: string;
  /** Largest object in bytes; a stream that grows over it is dropped. */
  maxBytes: number;
}

export class ObjectTooLarge extends Error {}

/** As the gateway library passes it: the request's stream, or bytes of a form. */
type Body = ReadableStream | Uint8Array;

interface Conditions {
  ifNoneMatch?: string;
  range?: string;
}

/**
 * The library's `StorageAdapter` on a folder. Objects are files under the hash of their name, so a name of any length and script is safe on any file system. What was
 * uploaded appears whole or not at all: it is written beside its place and moved there.
 */
export class FileStorageAdapter {
  readonly driver = null;
  readonly #options: StorageOptions;

  constructor(options: StorageOptions) {
    this.#options = options;
  }

  async getObject(bucket: string, key: string, _version: string | undefined, headers?: Conditions) {
    const path = this.#path(bucket, key);
    const meta = await this.#meta(path);
    // No body makes the library answer "not found".
    if (!meta) return { httpStatusCode: 404, metadata: describe(emptyMeta(bucket, key)) };
    if (headers?.ifNoneMatch === meta.eTag) return { httpStatusCode: 304, metadata: describe(meta) };
    const range = parseRange(headers?.range, meta.size);
    const stream = createReadStream(path, range ? { start: range.start, end: range.end } : {});
    return {
      httpStatusCode: range ? 206 : 200,
      metadata: {
        ...describe(meta),
        contentLength: range ? range.end - range.start + 1 : meta.size,
        ...(range ? { contentRange: `bytes ${range.start}-${range.end}/${meta.size}` } : {}),
      },
      body: Readable.toWeb(stream) as ReadableStream,
    };
  }

  async uploadObject(
    bucket: string,
    key: string,
    _version: string | undefined,
    body: Body,
    contentType: string,
    cacheControl: string,
  ) {
    const path = this.#path(bucket, key);
    const unfinished = await this.#unfinished();
    const hash = createHash('md5');
    let size = 0;
    const { maxBytes } = this.#options;
    const measure = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        size += chunk.length;
        hash.update(chunk);
        if (size > maxBytes) done(new ObjectTooLarge(`The object is larger than ${maxBytes} bytes.`));
        else done(null, chunk);
      },
    });
    try {
      await pipeline(asReadable(body), measure, createWriteStream(unfinished, { mode: 0o600 }));
      const meta: Meta = {
        bucket,
        key,
        mimetype: contentType,
        cacheControl,
        size,
        eTag: `"${hash.digest('hex')}"`,
        lastModified: new Date().toISOString(),
      };
      await writeFile(`${unfinished}.json`, JSON.stringify(meta), { mode: 0o600 });
      await this.#publish(unfinished, path);
      return { ...describe(meta), httpStatusCode: 200 };
    } catch (error) {
      await Promise.all([rm(unfinished, { force: true }), rm(`${unfinished}.json`, { force: true })]);
      throw error;
    }
  }

  async deleteObject(bucket: string, key: string) {
    const path = this.#path(bucket, key);
    await Promise.all([rm(path, { force: true }), rm(`${path}.json`, { force: true })]);
  }

  async deleteObjects(bucket: string, keys: string[]) {
    for (const key of keys) await this.deleteObject(bucket, key);
  }

  async copyObject(
    sourceBucket: string,
    source: string,
    _version: string | undefined,
    destinationBucket: string,
    destination: string,
  ) {
    const from = this.#path(sourceBucket, source);
    const meta = await this.#meta(from);
    if (!meta) throw new Error(`No such object: ${sourceBucket}/${source}`);
    const unfinished = await this.#unfinished();
    await copyFile(from, unfinished);
    const copy: Meta = {
      ...meta,
      bucket: destinationBucket,
      key: destination,
      lastModified: new Date().toISOString(),
    };
    await writeFile(`${unfinished}.json`, JSON.stringify(copy), { mode: 0o600 });
    await this.#publish(unfinished, this.#path(destinationBucket, destination));
    return { httpStatusCode: 200, eTag: copy.eTag, lastModified: new Date(copy.lastModified) };
  }

  async headObject(bucket: string, key: string) {
    const meta = await this.#meta(this.#path(bucket, key));
    if (!meta) throw new Error(`No such object: ${bucket}/${key}`);
    return describe(meta);
  }

  async privateAssetUrl(bucket: string, key: string) {
    return `file://${this.#path(bucket, key)}`;
  }

  #path(bucket: string, key: string): string {
    const name = createHash('sha256').update(`${bucket}\0${key}`).digest('hex');
    return join(this.#options.folder, name.slice(0, 2), name);
  }

  async #unfinished(): Promise<string> {
    const folder = join(this.#options.folder, 'unfinished');
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return join(folder, randomBytes(12).toString('hex'));
  }

  async #publish(unfinished: string, path: string): Promise<void> {
    await mkdir(join(path, '..'), { recursive: true, mode: 0o700 });
    await rename(unfinished, path);
    await rename(`${unfinished}.json`, `${path}.json`);
  }

  async #meta(path: string): Promise<Meta | undefined> {
    try {
      return JSON.parse(await readFile(`${path}.json`, 'utf8')) as Meta;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }
}

function asReadable(body: Body): Readable {
  if (body instanceof Uint8Array) return Readable.from([Buffer.from(body)]);
  return Readable.fromWeb(body as never);
}

function describe(meta: Meta) {
  return {
    cacheControl: meta.cacheControl,
    contentLength: meta.size,
    size: meta.size,
    mimetype: meta.mimetype,
    lastModified: new Date(meta.lastModified),
    eTag: meta.eTag,
  };
}

function emptyMeta(bucket: string, key: string): Meta {
  const lastModified = new Date(0).toISOString();
  return { bucket, key, mimetype: '', cacheControl: '', size: 0, eTag: '', lastModified };
}

/** A single `bytes=a-b` range inside the object; anything else is answered whole, as RFC 9110 allows. */
export function parseRange(
  header: string | undefined,
  size: number,
): { start: number; end: number } | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return undefined;
  const start = match[1] === '' ? Math.max(0, size - Number(match[2])) : Number(match[1]);
  const end = match[1] === '' || match[2] === '' ? size - 1 : Math.min(Number(match[2]), size - 1);
  return start <= end ? { start, end } : undefined;
}
