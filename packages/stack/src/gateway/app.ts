import { App, setExperimental } from '@supabase/lite';
import type { Keys } from '@cogo/client/stack_file.ts';
import { mailFolder } from './mail_folder.ts';
import type { GatewayConnection } from './open_connection.ts';
import { noteFailure, withFailure } from './request_failure.ts';
import { FileStorageAdapter, ObjectTooLarge } from './storage_adapter.ts';
import { withRequestHeaders } from './request_headers.ts';
import { unwrapUploadForm } from './storage_form.ts';

export type Fetch = (request: Request) => Promise<Response>;

export interface GatewayApp {
  /** `/rest/v1`, `/auth/v1` and `/storage/v1`. */
  fetch: Fetch;
  /** The same for the Studio listener only: a request without credentials is service_role there. */
  studioFetch: Fetch;
  init(): Promise<void>;
  /** `init`, and makes the tables of auth and storage. */
  prepare(): Promise<void>;
}

export interface AppOptions {
  connection: GatewayConnection;
  keys: Keys;
  gatewayUrl: string;
  storageFolder: string;
  mailFolder: string;
}

/** Exposed schemas, as `supabase/config.toml` lists them. */
export const EXPOSED_SCHEMAS = ['public', 'cogo_api'];
const MAX_OBJECT_BYTES = 50 * 1024 * 1024;

/** The Data API, Auth and Storage of the gateway library over one hardened connection. */
export function createGatewayApp(options: AppOptions): GatewayApp {
  setExperimental('storage', true);
  process.env['EXPERIMENTAL_STORAGE'] ??= '1';
  const { keys, connection } = options;
  const adapter = reportingAdapter(
    new FileStorageAdapter({ folder: options.storageFolder, maxBytes: MAX_OBJECT_BYTES }),
  );
  const make = (admin: boolean) => {
    const app = new App({
      connection: connection.library as never,
      api: { schemas: EXPOSED_SCHEMAS },
      auth: {
        enabled: true,
        jwt_secret: keys.jwt_secret,
        publishable_key: keys.publishable_key,
        secret_key: keys.secret_key,
        site_url: options.gatewayUrl,
      },
      storage: { enabled: true },
      db: { migrations: { enabled: false } },
      options: {
        server: { admin } as never,
        drivers: { email: mailFolder(options.mailFolder) },
      },
    } as never);
    app._storageAdapter = adapter;
    return app;
  };
  const app = make(false);
  const studio = make(true);
  const answer = (handle: Fetch): Fetch => {
    return async (request) => {
      const { value, failure } = await withRequestHeaders(request, () =>
        withFailure(async () => handle(await unwrapUploadForm(request))),
      );
      const ofStorage = new URL(request.url).pathname.startsWith('/storage/v1');
      const response =
        failure !== undefined && ofStorage && value.status >= 500 ? storageFailure(failure) : value;
      // The server ends a connection whose request body nobody read; said beforehand, the caller does not use it again.
      if (response.status >= 400 && request.body !== null && (ofStorage || !request.bodyUsed)) {
        response.headers.set('connection', 'close');
      }
      return response;
    };
  };
  return {
    fetch: answer((request) => app.fetch(request)),
    studioFetch: answer((request) => studio.fetch(request)),
    async init() {
      await app.init();
    },
    async prepare() {
      await app.init();
      await app.ensureSystemSchema();
    },
  };
}

// The library answers every failure of an adapter with "Internal server error"; these two the caller can do something about.
function storageFailure(failure: unknown): Response {
  const code = (failure as NodeJS.ErrnoException).code;
  const [status, error, message] =
    failure instanceof ObjectTooLarge
      ? [413, 'Payload too large', failure.message]
      : code === 'ENOSPC' || code === 'EDQUOT' || code === '53100'
        ? [
            507,
            'disk_full',
            'The disk of the data folder is full. Nothing was stored. Free some space and upload again.',
          ]
        : [500, 'server_error', `The object could not be stored (${code ?? 'unknown reason'}).`];
  return Response.json({ statusCode: String(status), error, message }, { status });
}

function reportingAdapter(adapter: FileStorageAdapter): FileStorageAdapter {
  const upload = adapter.uploadObject.bind(adapter);
  adapter.uploadObject = async (...args) => {
    try {
      return await upload(...args);
    } catch (error) {
      noteFailure(error);
      throw error;
    }
  };
  return adapter;
}
