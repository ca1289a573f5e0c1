import { availableParallelism } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { createExec, createServe, findLaunchers, findProgram } from './adapters/exec.ts';
import type { Mirrored } from './adapters/registry/mirror.ts';
import type { Registries } from './adapters/registry/registries.ts';
import { createWorkspace, makeFolder } from './adapters/workspace.ts';
import type { ImagesDeps } from './checks/images/check.ts';
import type { ImageExplanation } from './checks/images/explain.ts';
import type { AskedSigner } from './checks/images/policy/asked.ts';
import type { Trust } from './checks/images/policy/trust.ts';
import type { ClosableContentJudge, ContentSettings } from './checks/policy/content/judge.ts';
import type { RegoContentPorts } from './checks/policy/content/rego.ts';
import type { Policies } from './checks/policy/dialect.ts';
import type { GateConfig } from './config.ts';
import { GateError } from './core/errors.ts';
import type { ImageReference, Repository } from './core/image.ts';
import type { AskSocket, Clock, Exec, Proxies } from './core/ports.ts';
import { type GateStages, type Judged, judge } from './gate.ts';
import { emitManifests } from './manifests/emit.ts';
import { parseManifests } from './manifests/parse.ts';
import { judgedObjects } from './manifests/scope.ts';
import type { RenderPorts } from './render/context.ts';
import { render } from './render/render.ts';
import type { RenderRequest } from './render/request.ts';

/** How long what is open may take to close. */
const closeGraceMs = 2000;

/** The process as the gate needs to know it. */
export interface World {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly temporaryFolder: string;
  /** The file that this program was started from: its threads run it too. */
  readonly program: string;
}

type Lifetime = 'one verdict' | 'many verdicts';

/** A gate that is loaded and can judge, once or often. */
export interface OpenGate {
  judge(request: RenderRequest, format: 'json' | 'yaml', signal: AbortSignal): Promise<Judged>;
  /** Ends children, closes connections and removes the private folder. Calling it again is harmless. */
  close(): Promise<void>;
}

/**
 * Opens the gate that a configuration describes. Policies and trust are loaded while the first source is rendered; what
 * is wrong with them is an answer of the verdict that needed them.
 */
export function openGate(
  config: GateConfig,
  world: World,
  signal: AbortSignal,
  lifetime: Lifetime = 'one verdict',
): OpenGate {
  const { spec, resolvePath } = config;
  const workspace = createWorkspace(world.temporaryFolder);
  let folders = 0;
  /** A folder of its own below the private one, which nobody else may enter. */
  const newFolder = () => makeFolder(workspace.path, String(++folders));
  const launchers = findLaunchers();
  const exec = createExec(launchers);
  const clock = systemClock;
  const searchPath = world.env['PATH'] ?? '';
  const renderPorts: Omit<RenderPorts, 'workspace'> = {
    exec,
    findProgram: (name) => findProgram(name, searchPath),
    env: world.env,
    resolvePath,
    download: async (wanted) => (await import('./adapters/download.ts')).download(wanted),
    setpriv: launchers.setpriv,
  };
  const loadedPolicies = async (): Promise<Policies> => {
    if (spec.policies.length === 0) return noPolicies;
    const { loadPolicies } = await import('./checks/policy/load.ts');
    return loadPolicies(
      { paths: spec.policies.map(({ path }) => resolvePath(path)), rego: spec.rego, resolvePath },
      {
        exec,
        clock,
        findProgram: (name) => findProgram(name, searchPath),
        makeFolder: newFolder,
        ...(lifetime === 'many verdicts' && {
          longLived: { serve: createServe(launchers), askSocket: askSocketLazily },
        }),
      },
      signal,
    );
  };
  const policies = settled(loadedPolicies());
  const images =
    spec.images === 'unchecked'
      ? undefined
      : settled(openImages(spec.images, config, { exec, world, newFolder, launchers, lifetime }, signal));

  const stages = (format: 'json' | 'yaml'): GateStages<RenderRequest> => ({
    render: async (request, stop) => {
      // A folder a verdict: what one source left must not be seen by the next.
      const folder = newFolder();
      return render(request, spec.render, { ...renderPorts, workspace: folder }, stop);
    },
    parse: (texts) => parseManifests(texts, spec.manifests),
    checkImages:
      images === undefined
        ? undefined
        : async (manifests, stop) => {
            const { checkImages, deps } = await images();
            return checkImages(manifests, deps(), stop);
          },
    judged: (manifests, request) => judgedObjects(manifests, request.destinationNamespace || undefined, spec.manifests),
    checkPolicies: async (set, stop) => (await policies()).judge(set, stop),
    emit: (manifests) => emitManifests(manifests, format),
    allowEmpty: spec.render.allowEmpty,
  });

  return {
    judge: (request, format, stop) => judge(request, stages(format), stop),
    async close() {
      const closed = Promise.allSettled([
        images?.().then(({ close }) => close()),
        policies().then((loaded) => loaded.dispose()),
      ]);
      // What ignored its signal must not hold the end back: children and folders go with the process.
      await Promise.race([closed, setTimeout(closeGraceMs)]);
      workspace.remove();
    },
  };
}

type Images = Exclude<GateConfig['spec']['images'], 'unchecked'>;

/** What verifying needs is loaded only where images are verified: a registry client brings TLS with it. */
export async function openImages(
  settings: Images,
  config: GateConfig,
  { exec, world, newFolder, launchers, lifetime }: ImagesWorld,
  signal: AbortSignal,
): Promise<OpenImages> {
  const [{ checkImages }, { loadTrust }, { createExaminer }, { createVouchingStore }, { startThread }] =
    await Promise.all([
      import('./checks/images/check.ts'),
      import('./checks/images/policy/trust.ts'),
      import('./checks/images/verify/examiner.ts'),
      import('./checks/images/verify/memory.ts'),
      import('./adapters/thread.ts'),
    ]);
  const { resolvePath } = config;
  const registries = await openRegistries(config, world, exec, lifetime);
  const searchPath = world.env['PATH'] ?? '';
  const cue = settings.cue === undefined ? undefined : resolvePath(settings.cue);
  const content = lazyContentJudge(
    { rego: config.spec.rego, cue },
    {
      exec,
      clock: systemClock,
      findProgram: (name) => findProgram(name, searchPath),
      makeFolder: newFolder,
      ...(lifetime === 'many verdicts' && {
        longLived: { serve: createServe(launchers), askSocket: askSocketLazily },
      }),
    },
  );
  const examiner = createExaminer({
    startThread: () => startThread(world.program, { syncgate: 'verifier' }),
    threads: verifyingThreads(),
    deadlineMs: settings.limits.verifySeconds * 1000,
  });
  const vouched = lifetime === 'many verdicts' ? createVouchingStore(systemClock) : undefined;
  const close = async () => {
    examiner.close();
    registries.close();
    await content.dispose();
  };
  try {
    const { tufMirror } = settings.trustRoots.refresh ? await import('./adapters/tuf-mirror.ts') : {};
    const fetch = tufMirror?.(proxiesOf(world.env), signal);
    const ports = { clock: systemClock, signal, judge: content, roots: settings.trustRoots, ...(fetch && { fetch }) };
    const trust = await boundTrust(settings, await loadTrust(settings.trust, resolvePath, ports));
    // Such policies will need a thread, and it can start while the source is rendered.
    if (trust.policies.some(({ authorities }) => authorities.some(({ kind }) => kind === 'keyless'))) examiner.warm();
    return {
      checkImages,
      trust,
      close,
      deps: () => ({
        trust,
        settings,
        registry: registries.forRun(),
        clock: systemClock,
        examiner,
        content,
        vouched,
      }),
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What the settings ask of attestations goes into the policies that demand them: no verifier can overlook it there. */
async function boundTrust({ predicates }: Images, trust: Trust): Promise<Trust> {
  if (predicates.length === 0) return trust;
  const { bindPredicates } = await import('./checks/images/content/predicates.ts');
  return { ...trust, policies: await bindPredicates(predicates, trust.policies) };
}

/** What images are verified with, once for one verdict and kept for many. */
export interface OpenImages {
  readonly checkImages: typeof import('./checks/images/check.ts')['checkImages'];
  readonly trust: Trust;
  /** For one run: the registries are asked anew. */
  deps(): ImagesDeps;
  close(): Promise<void>;
}

/** Judges images by themselves, without an object that runs them. */
export interface OpenVerification {
  explain(image: ImageReference, signal: AbortSignal): Promise<ImageExplanation>;
  close(): Promise<void>;
}

/**
 * Opens what verifies images: by `asked`, or where nothing is asked by the policies of the configuration. Throws what is
 * wrong with either.
 */
export async function openVerification(
  config: GateConfig,
  asked: AskedSigner | undefined,
  world: World,
  signal: AbortSignal,
): Promise<OpenVerification> {
  const { images } = config.spec;
  if (asked === undefined && images === 'unchecked') {
    throw new GateError('CONFIG_INVALID', 'the Gate verifies no images (spec.images is unchecked)', {
      mend: 'Name a signer with --key or --certificate-identity, or trust policies in spec.images.',
    });
  }
  const workspace = createWorkspace(world.temporaryFolder);
  let folders = 0;
  const newFolder = () => makeFolder(workspace.path, String(++folders));
  const launchers = findLaunchers();
  const { ImagesSettings } = await import('./checks/images/settings.ts');
  const none = { trust: [], unmatched: 'deny', pin: true };
  const settings =
    asked === undefined && images !== 'unchecked'
      ? images
      : ImagesSettings.parse({ ...none, ...(images === 'unchecked' ? {} : { limits: images.limits }) });
  try {
    const opened = await openImages(
      settings,
      config,
      { exec: createExec(launchers), world, newFolder, launchers, lifetime: 'one verdict' },
      signal,
    );
    const trust =
      asked === undefined
        ? opened.trust
        : {
            policies: [await (await import('./checks/images/policy/asked.ts')).askedPolicy(asked)],
            warnings: [],
          };
    const { explainImage } = await import('./checks/images/explain.ts');
    return {
      explain: (image, stop) => explainImage(image, { ...opened.deps(), trust }, stop),
      async close() {
        await Promise.race([opened.close(), setTimeout(closeGraceMs)]);
        workspace.remove();
      },
    };
  } catch (error) {
    workspace.remove();
    throw error;
  }
}

interface ImagesWorld {
  readonly exec: Exec;
  readonly world: World;
  readonly newFolder: () => string;
  readonly launchers: ReturnType<typeof findLaunchers>;
  readonly lifetime: Lifetime;
}

/** One less than there are processors, for this thread fetches meanwhile; memory is what bounds more. */
function verifyingThreads(): number {
  return Math.min(Math.max(availableParallelism() - 1, 1), 4);
}

/** Engines for policies over signed content are loaded where there is such a policy. */
function lazyContentJudge(settings: ContentSettings, ports: RegoContentPorts): ClosableContentJudge {
  let made: Promise<ClosableContentJudge> | undefined;
  const judge = () =>
    (made ??= import('./checks/policy/content/judge.ts').then((module) => module.createContentJudge(settings, ports)));
  return {
    check: async (question, signal) => (await judge()).check(question, signal),
    judge: async (question, input, signal) => (await judge()).judge(question, input, signal),
    dispose: async () => (await made)?.dispose(),
  };
}

/** What a configuration says of registries; the rest of it is not looked at. */
export interface RegistryConfig {
  readonly spec: Pick<
    GateConfig['spec'],
    'registries' | 'registryCredentials' | 'registryPullSecrets' | 'registryCache'
  >;
  readonly resolvePath: GateConfig['resolvePath'];
}

/**
 * The registries that a configuration describes. REGISTRY_AUTH_FILE and the proxies are those of this process's environment,
 * which is the platform's: an application can set no variable in it.
 */
export async function openRegistries(
  { spec, resolvePath }: RegistryConfig,
  { env }: World,
  exec: Exec = createExec(findLaunchers()),
  lifetime: Lifetime = 'one verdict',
): Promise<Registries> {
  const [{ createRegistries }, { systemNetwork }] = await Promise.all([
    import('./adapters/registry/registries.ts'),
    import('./adapters/registry/system-ports.ts'),
  ]);
  return createRegistries(
    {
      registries: spec.registries,
      credentials: spec.registryCredentials,
      pullSecrets: spec.registryPullSecrets,
      cache: spec.registryCache,
      authFile: env['REGISTRY_AUTH_FILE'],
      lifetime,
    },
    {
      clock: systemClock,
      ...systemNetwork,
      exec,
      helperEnvironment: helperEnvironment(env),
      proxies: proxiesOf(env),
      resolvePath,
    },
  );
}

/** Copies images into a folder of layouts. */
export interface OpenMirror {
  mirror(image: ImageReference, sources: readonly Repository[], signal: AbortSignal): Promise<Mirrored>;
  close(): void;
}

/** Copies from the registries of a configuration; without one, from public ones. */
export async function openMirror(
  config: RegistryConfig | undefined,
  world: World,
  folder: string,
): Promise<OpenMirror> {
  const { mirrorImage } = await import('./adapters/registry/mirror.ts');
  const none = { registries: [], registryCredentials: undefined, registryPullSecrets: undefined };
  const registries = await openRegistries(
    config ?? { spec: { ...none, registryCache: undefined }, resolvePath: (path) => path },
    world,
  );
  return {
    // A run for each: what one image may cost is bounded, and what it holds is let go of.
    mirror: (image, sources, signal) => mirrorImage(image, sources, folder, registries.forRun(), signal),
    close: () => registries.close(),
  };
}

function proxiesOf(env: World['env']): Proxies {
  return {
    https: env['HTTPS_PROXY'] ?? env['https_proxy'],
    http: env['HTTP_PROXY'] ?? env['http_proxy'],
    none: env['NO_PROXY'] ?? env['no_proxy'],
  };
}

/** How credential helpers of clouds learn who they are (workload identity), where to ask, and through what. */
const forHelpers = /^(?:PATH|(?:AWS|AZURE|GOOGLE|CLOUDSDK|GCE)_[A-Z0-9_]+|SSL_CERT_(?:FILE|DIR)|(?:https?|no)_proxy)$/i;

function helperEnvironment(env: World['env']): Record<string, string> {
  const passed = Object.entries(env).filter((entry): entry is [string, string] => {
    return entry[1] !== undefined && forHelpers.test(entry[0]);
  });
  return { HOME: env['HOME'] ?? '/', ...Object.fromEntries(passed) };
}

const systemClock: Clock = { now: () => Date.now() };

/** `policies: []` says that there are none: everything passes this check, and no engine is asked for. */
const noPolicies: Policies = {
  rules: [],
  judge: async () => ({ outcome: { kind: 'completed', examined: 0, findings: [] }, engines: {} }),
  dispose: async () => {},
};

/** A promise that is started now and asked for later; its failure waits for whoever asks. */
function settled<Value>(promise: Promise<Value>): () => Promise<Value> {
  promise.catch(() => {});
  return () => promise;
}

/** node:http costs 20 ms to load, and only a gate that lives long asks a socket. */
const askSocketLazily: AskSocket = async (question) => (await import('./adapters/socket.ts')).askSocket(question);
