/**
 * A private Sigstore of the real servers: Fulcio, Rekor's second version and the timestamp authority, with an OpenID issuer,
 * a `trusted_root.json` and a signing configuration that the real cosign made. Fulcio has no certificate log here: for
 * certificates with SCTs, Rekor's first version and anything that honest servers refuse, see `./mock.ts`.
 *
 *     await using sigstore = await startSigstore();                                  // about 2 s
 *     await sigstore.sign(image.pinned, { email: 'dev@example.com' });               // by the real cosign 3, as a bundle
 *     await sigstore.attest(image.pinned, { email, predicateType, predicate });
 *     sigstore.trustedRoot;                                                          // JSON
 *     (await sigstore.verify(image.pinned, { email: 'dev@example.com' })).accepted;  // what cosign says
 *
 * Everything listens on loopback ports that the system chose, and ends with `stop`, with `await using` and with the test
 * process. It needs `unshare` and `setpriv` (util-linux) and `ip` (iproute2), and a machine that lets its user make namespaces.
 */
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { JsonObject } from '../../../src/core/json.ts';
import { tool } from '../tools/resolve.ts';
import { authorityExtensions, issue, keyPair, pemOf, spkiOf } from './certificates.ts';
import { type Enclosed, relay } from './enclosure.ts';
import { type OpenIdIssuer, startIssuer } from './issuer.ts';

const run = promisify(execFile);
const began = '2024-01-01T00:00:00Z';

interface Keyless {
  readonly email: string;
  /** The issuer that vouches for the address; default the first one. */
  readonly issuer?: string;
  /** Where the registry asks for more than plain HTTP. */
  readonly registry?: RegistryAccess;
  /** Further flags, such as `-a key=value` or `--recursive`. */
  readonly flags?: readonly string[];
}

interface RegistryAccess {
  /** PEM of the authority that its TLS certificate is of. */
  readonly ca?: string;
  readonly username?: string;
  readonly password?: string;
}

export interface PrivateSigstore extends AsyncDisposable {
  readonly issuer: OpenIdIssuer;
  readonly trustedRoot: JsonObject;
  readonly trustedRootFile: string;
  /** For `cosign sign --signing-config`. */
  readonly signingConfigFile: string;
  readonly timestamps: { readonly url: string; readonly chainFile: string; readonly chainPem: string };
  /** Signs `host/repository@digest` by the real cosign 3. `timestamp: false` asks the timestamp authority for nothing. */
  sign(pinned: string, by: Keyless & { readonly timestamp?: boolean }): Promise<void>;
  attest(pinned: string, by: Keyless & { readonly predicateType: string; readonly predicate: object }): Promise<void>;
  /** Whether the real cosign 3 accepts it, and what it says if not. */
  verify(
    pinned: string,
    wanted: Keyless & { readonly predicateType?: string },
  ): Promise<{ readonly accepted: boolean; readonly says: string }>;
  stop(): Promise<void>;
}

export async function startSigstore(): Promise<PrivateSigstore> {
  const folder = mkdtempSync(join(tmpdir(), 'syncgate-sigstore-'));
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const cleanup: (() => unknown)[] = [];
  const stop = async () => {
    for (const each of cleanup.splice(0).toReversed()) await each();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const issuer = await startIssuer(join(folder, 'issuer.sock'));
    cleanup.push(() => issuer[Symbol.asyncDispose]());
    const ports = { fulcio: 0, rekor: 0, timestamp: 0 };
    for (const name of ['fulcio', 'rekor', 'timestamp'] as const) {
      const server = await relay({ host: '127.0.0.1', port: 0 }, { path: join(folder, `${name}.sock`) });
      cleanup.push(() => server.close());
      ports[name] = (server.address() as AddressInfo).port;
    }
    const keys = writeKeys(file);
    const config = { IssuerURL: '', ClientID: 'sigstore', Type: 'email' };
    const issuers = [issuer.url, issuer.otherUrl].map((url) => [url, { ...config, IssuerURL: url }]);
    const fulcioConfig = file('fulcio.json', JSON.stringify({ OIDCIssuers: Object.fromEntries(issuers) }));
    const child = await encloseServers({
      programs: [
        {
          program: await tool('fulcio'),
          args: [
            'serve',
            ...['--host', '127.0.0.1', '--port', String(ports.fulcio)],
            ...['--grpc-host', '127.0.0.1', '--grpc-port', '5554', '--metrics-port', '5553', '--ct-log-url='],
            ...['--legacy-unix-domain-socket', join(folder, 'fulcio-legacy.sock'), '--config-path', fulcioConfig],
            ...['--ca', 'fileca', '--fileca-cert', keys.fulcioChain, '--fileca-key', keys.fulcioKey],
            ...['--fileca-key-passwd', 'x', '--fileca-watch=false'],
          ],
          log: join(folder, 'fulcio.log'),
        },
        {
          program: await tool('rekor'),
          args: [
            'serve',
            ...['--http-port', String(ports.rekor), '--grpc-port', '3004', '--http-metrics-port', '3005'],
            ...['--hostname', '127.0.0.1', '--signer-filepath', keys.rekorKey, '--storage-dir', join(folder, 'tiles')],
            ...['--checkpoint-interval', '1s'],
          ],
          log: join(folder, 'rekor.log'),
        },
        {
          program: await tool('timestamp-server'),
          args: [
            'serve',
            ...['--host', '127.0.0.1', '--port', String(ports.timestamp)],
            ...['--timestamp-signer', 'memory', '--disable-ntp-monitoring'],
          ],
          log: join(folder, 'timestamp.log'),
        },
      ],
      inward: Object.entries(ports).map(([name, port]) => ({ socket: join(folder, `${name}.sock`), port })),
      outward: [{ port: issuer.port, socket: join(folder, 'issuer.sock') }],
    });
    cleanup.push(child.stop);
    const urls = {
      fulcio: `http://127.0.0.1:${ports.fulcio}`,
      rekor: `http://127.0.0.1:${ports.rekor}`,
      timestamp: `http://127.0.0.1:${ports.timestamp}/api/v1/timestamp`,
    };
    await answers(`${urls.fulcio}/api/v2/configuration`, child);
    await answers(`${urls.rekor}/healthz`, child);
    const tsaChain = file('tsa.pem', await answers(`${urls.timestamp}/certchain`, child));

    const proxy = { HTTPS_PROXY: 'http://127.0.0.1:9', NO_PROXY: '127.0.0.1,localhost' };
    const env = { HOME: folder, TUF_ROOT: join(folder, 'tuf'), DOCKER_CONFIG: folder, COSIGN_PASSWORD: '', ...proxy };
    const cosign = async (args: readonly string[], more: Record<string, string> = {}) =>
      await run(await tool('cosign'), args, {
        cwd: folder,
        env: { ...env, ...more },
        timeout: 60_000,
        maxBuffer: 8 * 1024 * 1024,
      });
    const trustedRootFile = join(folder, 'trusted_root.json');
    await cosign([
      ...['trusted-root', 'create', '--out', trustedRootFile],
      `--fulcio=url=${urls.fulcio},certificate-chain=${keys.fulcioChain},start-time=${began}`,
      `--rekor=url=${urls.rekor},public-key=${keys.rekorPublic},start-time=${began},origin=127.0.0.1`,
      `--tsa=url=${urls.timestamp},certificate-chain=${tsaChain}`,
    ]);
    const signingConfig = async (name: string, timestamps: boolean) => {
      const service = (url: string, version: number) =>
        `url=${url},api-version=${version},start-time=${began},operator=test`;
      await cosign([
        ...['signing-config', 'create', '--out', join(folder, name)],
        `--fulcio=${service(urls.fulcio, 1)}`,
        ...[`--rekor=${service(urls.rekor, 2)}`, '--rekor-config=ANY'],
        ...(timestamps ? [`--tsa=${service(urls.timestamp, 1)}`, '--tsa-config=ANY'] : []),
      ]);
      return join(folder, name);
    };
    const withTimestamps = await signingConfig('signing.json', true);
    const withoutTimestamps = await signingConfig('signing-untimed.json', false);

    let made = 0;
    /** Runs cosign on an image, with what its registry asks for. */
    const act = async (args: readonly string[], pinned: string, { registry = {}, flags = [] }: Keyless) => {
      const auth = Buffer.from(`${registry.username ?? ''}:${registry.password ?? ''}`).toString('base64');
      const auths = registry.username === undefined ? {} : { [pinned.split('/')[0] as string]: { auth } };
      const dockerConfig = mkdtempSync(join(folder, 'docker-'));
      writeFileSync(join(dockerConfig, 'config.json'), JSON.stringify({ auths }));
      const transport =
        registry.ca === undefined
          ? ['--allow-http-registry', '--allow-insecure-registry']
          : ['--registry-cacert', file(`registry-${made++}.pem`, registry.ca)];
      await cosign([...args, ...transport, ...flags, pinned], { DOCKER_CONFIG: dockerConfig });
    };
    const signing = (by: Keyless, timestamps: boolean) => [
      ...['--yes', '--trusted-root', trustedRootFile, '--identity-token', issuer.token(by.email, by.issuer)],
      ...['--signing-config', timestamps ? withTimestamps : withoutTimestamps],
    ];
    return {
      issuer,
      trustedRoot: JSON.parse(readFileSync(trustedRootFile, 'utf8')) as JsonObject,
      trustedRootFile,
      signingConfigFile: withTimestamps,
      timestamps: { url: urls.timestamp, chainFile: tsaChain, chainPem: readFileSync(tsaChain, 'utf8') },
      async sign(pinned, by) {
        await act(['sign', ...signing(by, by.timestamp ?? true)], pinned, by);
      },
      async attest(pinned, by) {
        const predicate = file(`predicate-${made++}.json`, JSON.stringify(by.predicate));
        const what = ['--type', by.predicateType, '--predicate', predicate];
        await act(['attest', ...what, ...signing(by, true)], pinned, by);
      },
      async verify(pinned, wanted) {
        const type = wanted.predicateType === undefined ? [] : ['--type', wanted.predicateType];
        const identity = ['--certificate-identity', wanted.email];
        const from = ['--certificate-oidc-issuer', wanted.issuer ?? issuer.url, '--insecure-ignore-sct'];
        const command = wanted.predicateType === undefined ? 'verify' : 'verify-attestation';
        try {
          await act([command, ...type, '--trusted-root', trustedRootFile, ...identity, ...from], pinned, wanted);
          return { accepted: true, says: '' };
        } catch (error) {
          return { accepted: false, says: (error as { stderr?: string }).stderr ?? String(error) };
        }
      },
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The keys and certificates that the servers start with, in files. */
function writeKeys(file: (name: string, text: string) => string) {
  const fulcio = keyPair('p256');
  const validity = { notBefore: new Date(began), notAfter: new Date('2044-01-01T00:00:00Z') };
  const chain = issue({ commonName: 'private fulcio', keys: fulcio, validity, extensions: authorityExtensions() });
  const encrypted = { cipher: 'aes-256-cbc', passphrase: 'x' };
  const rekor = keyPair('ed25519');
  return {
    fulcioChain: file('fulcio.pem', chain.pem),
    fulcioKey: file('fulcio.key', fulcio.privateKey.export({ format: 'pem', type: 'pkcs8', ...encrypted }).toString()),
    rekorKey: file('rekor.key', rekor.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()),
    rekorPublic: file('rekor.pub', pemOf(spkiOf(rekor.publicKey), 'PUBLIC KEY')),
  };
}

interface EnclosedServers {
  /** Undefined while they run. */
  readonly ended: () => string | undefined;
  readonly stop: () => Promise<void>;
}

async function encloseServers(enclosed: Enclosed): Promise<EnclosedServers> {
  const namespaces = ['--user', '--map-root-user', '--net', '--pid', '--fork', '--kill-child=SIGKILL'];
  const inside = [process.execPath, join(import.meta.dirname, 'enclosure.ts'), JSON.stringify(enclosed)];
  // However this process ends, the kernel ends unshare with it, and unshare the servers.
  const launch = ['--pdeathsig', 'KILL', '--', 'unshare', ...namespaces, '--', ...inside];
  const child = spawn('setpriv', launch, { stdio: ['ignore', 'ignore', 'pipe'] });
  const killWithTest = () => child.kill('SIGKILL');
  process.once('exit', killWithTest);
  let said = '';
  let end: string | undefined;
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString('utf8')).slice(-2000);
  });
  const gone = new Promise<void>((done) => {
    const finish = (how: string) => {
      const logs = enclosed.programs.map(({ log }) => tailOf(log)).join('\n');
      end = `the servers could not be run in a network of their own (${how}): ${said}\n${logs}`;
      done();
    };
    child.once('error', (error) => finish(error.message));
    child.once('exit', (code, signal) => finish(String(code ?? signal)));
  });
  return {
    ended: () => end,
    stop: async () => {
      process.off('exit', killWithTest);
      child.kill('SIGKILL');
      await gone;
    },
  };
}

function tailOf(log: string): string {
  try {
    return `${log}:\n${readFileSync(log, 'utf8').slice(-1500)}`;
  } catch {
    return `${log}: empty`;
  }
}

/** Waits (30 s) until the address answers with success, and gives what it says. */
async function answers(url: string, servers: EnclosedServers): Promise<string> {
  for (const end = Date.now() + 30_000; ; await sleep(50)) {
    const ended = servers.ended();
    if (ended !== undefined) throw new Error(ended);
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(5000) });
      if (response.ok) return await response.text();
    } catch (error) {
      if (Date.now() > end) throw new Error(`${url} does not answer`, { cause: error });
    }
    if (Date.now() > end) throw new Error(`${url} does not answer with success`);
  }
}
