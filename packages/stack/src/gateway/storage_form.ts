// supabase-js uploads a Blob or a File as a form whose file has an empty name; the gateway library looks for one called
// `file` and would answer "Missing file in multipart upload". The raw upload it does understand, so a form becomes one.
// Source: @supabase/storage-js StorageFileApi.uploadOrUpdate; @supabase/lite 0.10.0 POST /object/:bucketId/*.

const OBJECT = /^\/storage\/v1\/object\//;

/** The request itself unless it uploads a form. A form without a file is passed on: the library answers it. */
export async function unwrapUploadForm(request: Request): Promise<Request> {
  if (request.method !== 'POST' && request.method !== 'PUT') return request;
  const type = request.headers.get('content-type') ?? '';
  if (!/^multipart\/form-data\b/i.test(type) || !OBJECT.test(new URL(request.url).pathname)) return request;
  const bytes = await request.arrayBuffer();
  const again = (body: BodyInit, headers: Headers) =>
    new Request(request.url, { method: request.method, headers, body, signal: request.signal });
  let form: FormData;
  try {
    form = await new Response(bytes, { headers: { 'content-type': type } }).formData();
  } catch {
    return again(bytes, request.headers);
  }
  const file = [...form.values()].find((value) => typeof value !== 'string');
  if (!file) return again(bytes, request.headers);
  const headers = new Headers(request.headers);
  headers.set('content-type', file.type || 'application/octet-stream');
  headers.set('content-length', String(file.size));
  const cacheControl = form.get('cacheControl');
  if (typeof cacheControl === 'string' && /^\d+$/.test(cacheControl)) {
    headers.set('cache-control', `max-age=${cacheControl}`);
  }
  const metadata = form.get('metadata');
  if (typeof metadata === 'string') headers.set('x-metadata', Buffer.from(metadata).toString('base64'));
  return again(file, headers);
}
