/** Why a path is not indexed, or undefined. Decided by the name alone, before anything is read. */
export function skipByPath(path: string): string | undefined {
  const segments = path.split('/');
  const name = segments.at(-1)!.toLowerCase();
  const secret = secretName(name, segments);
  if (secret) return secret;
  const folder = segments.slice(0, -1).find((segment) => VENDORED.has(segment.toLowerCase()));
  if (folder) return `vendored or generated folder (${folder}/)`;
  if (LOCK_FILES.has(name)) return 'lock file';
  if (BINARY_EXTENSIONS.has(extensionOf(name))) return 'binary file type';
  if (/\.min\.(?:js|css|mjs|cjs)$|\.map$|\.snap$|\.tsbuildinfo$/.test(name)) return 'generated file';
  return undefined;
}

/** Never written about, whatever `include` says: its content could end up in an answer. */
export function isSecretPath(path: string): boolean {
  const segments = path.split('/');
  return secretName(segments.at(-1)!.toLowerCase(), segments) !== undefined;
}

function secretName(name: string, segments: string[]): string | undefined {
  const looksSecret =
    (/^\.env(?:\..+)?$/.test(name) && !/\.(?:example|sample|template|dist)$/.test(name)) ||
    /\.env$/.test(name) ||
    /\.(?:pem|key|p12|pfx|jks|keystore|kdbx|ppk|tfstate|mobileprovision)$/.test(name) ||
    /^id_(?:rsa|dsa|ecdsa|ed25519)$/.test(name) ||
    SECRET_NAMES.has(name) ||
    /^(?:secrets?|credentials?)\.(?:json|ya?ml|toml|ini|properties)$/.test(name) ||
    /^service[-_]account.*\.json$/.test(name) ||
    segments.includes('.ssh') ||
    segments.includes('.aws');
  return looksSecret ? 'looks like a secret' : undefined;
}

const SECRET_NAMES = new Set([
  '.npmrc',
  '.netrc',
  '.pgpass',
  '.git-credentials',
  '.htpasswd',
  '.dockercfg',
  '.pypirc',
]);

const VENDORED = new Set([
  '.git',
  '.cogo',
  'node_modules',
  'bower_components',
  'vendor',
  'third_party',
  '.yarn',
  '.pnpm-store',
  'dist',
  'coverage',
  '.next',
  '.nuxt',
  '.turbo',
  '__pycache__',
  '.venv',
  'target',
]);

const LOCK_FILES = new Set([
  'package-lock.json',
  'npm-shrinkwrap.json',
  'yarn.lock',
  'pnpm-lock.yaml',
  'bun.lock',
  'bun.lockb',
  'deno.lock',
  'cargo.lock',
  'poetry.lock',
  'uv.lock',
  'gemfile.lock',
  'composer.lock',
  'go.sum',
  'flake.lock',
]);

/** Only what a content sniff would have to read first; everything else is decided by its bytes. */
const BINARY_EXTENSIONS = new Set(
  (
    'png jpg jpeg gif webp avif ico bmp tiff psd pdf zip gz tgz bz2 xz 7z rar jar war class o a so dylib dll exe ' +
    'wasm node woff woff2 ttf otf eot mp3 mp4 m4a mov avi mkv webm ogg wav flac sqlite sqlite3 db bin dat pyc'
  ).split(' '),
);

function extensionOf(name: string): string {
  const dot = name.lastIndexOf('.');
  return dot < 0 ? '' : name.slice(dot + 1);
}
