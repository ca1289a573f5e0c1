import { availableParallelism } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { createExec, createServe, findLaunchers, findProgram } from '../adapters/exec.ts';
import { createWorkspace, makeFolder } from '../adapters/workspace.ts';
import type { ImagesDeps } from '../checks/images/check.ts';
import type { ImageExplanation } from '../checks/images/explain.ts';
import type { AskedSigner } from '../checks/images/policy/asked.ts';
import type { Authority } from '../checks/images/policy/model.ts';
import type { RootsStanding } from '../checks/images/policy/shelf.ts';
import type { Trust } from '../checks/images/policy/trust.ts';
import type { ClosableContentJudge, ContentSettings } from '../checks/policy/content/judge.ts';
import type { RegoContentPorts } from '../checks/policy/content/rego.ts';
import type { ImageVerification } from '../checks/policy/image-answers.ts';
import type { GateConfig } from '../config.ts';
import { GateError } from '../core/errors.ts';
import type { ImageReference } from '../core/image.ts';
import type { Exec } from '../core/ports.ts';
import { openRegistries, proxiesOf } from './registries.ts';
import { askSocketLazily, closeGraceMs, type Lifetime, systemClock, type World } from './world.ts';

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
      import('../checks/images/check.ts'),
      import('../checks/images/policy/trust.ts'),
      import('../checks/images/verify/examiner.ts'),
      import('../checks/images/verify/memory.ts'),
      import('../adapters/thread.ts'),
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
    const { tufMirror } = settings.trustRoots.refresh ? await import('../adapters/tuf-mirror.ts') : {};
    const fetch = tufMirror?.(proxiesOf(world.env));
    const { fetchedRoots: fetched } = world;
    const loaded = await loadTrust(settings.trust, resolvePath, {
      clock: systemClock,
      signal,
      judge: content,
      roots: settings.trustRoots,
      ...(fetch && { fetch }),
      ...(fetched && { fetched }),
    });
    const trust = await boundTrust(settings, loaded);
    // Such policies will need a thread, and it can start while the source is rendered.
    if (trust.policies.some(({ authorities }) => authorities.some(needsThread))) examiner.warm();
    const deps = () => ({
      trust,
      settings,
      registry: registries.forRun(),
      clock: systemClock,
      examiner,
      content,
      vouched,
    });
    return {
      checkImages,
      trust,
      roots: loaded.roots,
      close,
      deps,
      async verification() {
        const { createImageVerification } = await import('./policy-images.ts');
        return createImageVerification({ deps, publicGood: loaded.publicGood, signal, clock: systemClock });
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What the settings ask of signatures and attestations goes into the policies: no verifier can overlook it there. */
async function boundTrust({ predicates, maxAge }: Images, trust: Trust): Promise<Trust> {
  let { policies } = trust;
  if (maxAge.length > 0) {
    const { bindMaxAge } = await import('../checks/images/policy/max-age.ts');
    policies = bindMaxAge(maxAge, policies);
  }
  if (predicates.length > 0) {
    const { bindPredicates } = await import('../checks/images/content/predicates.ts');
    policies = await bindPredicates(predicates, policies);
  }
  return { ...trust, policies };
}

/** What images are verified with, once for one verdict and kept for many. */
export interface OpenImages {
  readonly checkImages: typeof import('../checks/images/check.ts')['checkImages'];
  readonly trust: Trust;
  readonly roots: RootsStanding;
  /** For one run: the registries are asked anew. */
  deps(): ImagesDeps;
  /** For policies over objects that ask whether an image is signed. */
  verification(): Promise<ImageVerification>;
  close(): Promise<void>;
}

/** Judges images by themselves, without an object that runs them. */
export interface OpenVerification {
  /** What is wrong with the policies or roots and changes no verdict. */
  readonly warnings: Trust['warnings'];
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
  const { ImagesSettings } = await import('../checks/images/settings.ts');
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
            policies: [await (await import('../checks/images/policy/asked.ts')).askedPolicy(asked)],
            warnings: [],
          };
    const { explainImage } = await import('../checks/images/explain.ts');
    return {
      warnings: trust.warnings,
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

/** Certificates are never judged in the main thread. */
function needsThread({ kind }: Authority): boolean {
  return kind === 'keyless' || kind === 'notation';
}

/** One less than there are processors, for this thread fetches meanwhile; memory is what bounds more. */
function verifyingThreads(): number {
  return Math.min(Math.max(availableParallelism() - 1, 1), 4);
}

/** Engines for policies over signed content are loaded where there is such a policy. */
function lazyContentJudge(settings: ContentSettings, ports: RegoContentPorts): ClosableContentJudge {
  let made: Promise<ClosableContentJudge> | undefined;
  const judge = () =>
    (made ??= import('../checks/policy/content/judge.ts').then((module) => module.createContentJudge(settings, ports)));
  return {
    check: async (question, signal) => (await judge()).check(question, signal),
    judge: async (question, input, signal) => (await judge()).judge(question, input, signal),
    dispose: async () => (await made)?.dispose(),
  };
}
