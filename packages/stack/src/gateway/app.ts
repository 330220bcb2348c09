import { AsyncLocalStorage } from 'node:async_hooks';
import { App, setExperimental } from '@supabase/lite';
import type { Keys } from '@cogo/client/stack_file.ts';
import { mailFolder } from './mail_folder.ts';
import type { GatewayConnection } from './open_connection.ts';
import { FileStorageAdapter, ObjectTooLarge } from './storage_adapter.ts';
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
  const failures = new AsyncLocalStorage<{ failure?: unknown }>();
  const adapter = reportingAdapter(
    new FileStorageAdapter({ folder: options.storageFolder, maxBytes: MAX_OBJECT_BYTES }),
    (failure) => {
      const store = failures.getStore();
      if (store) store.failure = failure;
    },
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
    return (request) => {
      const store: { failure?: unknown } = {};
      return failures.run(store, async () => {
        const response = await handle(await unwrapUploadForm(request));
        return store.failure === undefined || response.status < 400
          ? response
          : storageFailure(store.failure);
      });
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
      : code === 'ENOSPC' || code === 'EDQUOT'
        ? [
            507,
            'disk_full',
            'The disk of the data folder is full. Nothing was stored. Free some space and upload again.',
          ]
        : [500, 'server_error', `The object could not be stored (${code ?? 'unknown reason'}).`];
  return Response.json({ statusCode: String(status), error, message }, { status });
}

function reportingAdapter(
  adapter: FileStorageAdapter,
  report: (failure: unknown) => void,
): FileStorageAdapter {
  const upload = adapter.uploadObject.bind(adapter);
  adapter.uploadObject = async (...args) => {
    try {
      return await upload(...args);
    } catch (error) {
      report(error);
      throw error;
    }
  };
  return adapter;
}
