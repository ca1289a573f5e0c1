import { whenAborted } from '../../core/abort.ts';
import { asGateError, GateError } from '../../core/errors.ts';
import {
  type Digest,
  type ImageReference,
  parseDigest,
  parseImageReference,
  repositoryName,
} from '../../core/image.ts';
import type { Clock, ContentJudge, ReadRepository, Registry } from '../../core/ports.ts';
import { type Subject, selectedSubjects, selection } from './match.ts';
import { judgeNotation, type NotationPorts } from './notation/verifier.ts';
import type { ImagePolicy, NotationAuthority, SignatureSource } from './policy/model.ts';
import { couldDependOnDigest, matchesName, type Trust } from './policy/trust.ts';
import type { ImagesSettings } from './settings.ts';
import type { Objection, PolicyAccount } from './verify/account.ts';
import { type Collected, Collector, families, joined } from './verify/collect.ts';
import type { SigningAuthority } from './verify/examine.ts';
import type { Examiner } from './verify/examiner.ts';
import { readImageConfigs } from './verify/image-config.ts';
import { forOneRun, type VouchingStore } from './verify/memory.ts';
import { failureObjection } from './verify/objection.ts';
import { judge, type VerifiedImage } from './verify/verifier.ts';

/** What became of one image of the set. `unmatched`: no policy has a word on it, and the settings decide. */
export type Decided =
  | { readonly kind: 'verified'; readonly image: VerifiedImage; readonly warnings: readonly Objection[] }
  /** Only policies in mode `warn` speak of it, and none vouched: it may run, and is not verified. */
  | { readonly kind: 'tolerated'; readonly warnings: readonly [Objection, ...Objection[]] }
  | { readonly kind: 'unmatched' }
  | { readonly kind: 'refused'; readonly objections: readonly [Objection, ...Objection[]] };

/** A decision, and how it came about. */
export interface Explained {
  readonly decided: Decided;
  readonly digest: Digest | undefined;
  readonly accounts: readonly PolicyAccount[];
}

/** What the check works with. */
export interface ImagesDeps {
  readonly trust: Trust;
  readonly settings: ImagesSettings;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly examiner: Examiner;
  /** Undefined where no policy has content to judge. */
  readonly content?: ContentJudge | undefined;
  /** Whether objects are judged as they will be stored, so that nobody can pin what they leave open. */
  readonly asStored?: boolean | undefined;
  /** What policies vouched for before, in a process that judges often. */
  readonly vouched?: VouchingStore | undefined;
}

/** What a tag may point to: what a container runtime can pull. Docker's schema 1 has no digest worth the name. */
const imageMediaTypes = new Set([
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
]);

/** What policies are asked about an image. */
interface Asked {
  readonly reference: ImageReference;
  readonly digest: Digest;
  readonly policies: readonly ImagePolicy[];
  readonly subjects: readonly Subject[];
  readonly everything: boolean;
}

/**
 * Decides images, and asks the registry about each tag and each digest once a run: what a tag points to is settled the
 * first time, so a registry that answers differently the second time has nobody to answer to.
 */
export class ImageDecider {
  readonly #deps: ImagesDeps;
  readonly #signal: AbortSignal;
  readonly #collector: Collector;
  readonly #resolved = new Map<string, Promise<Digest>>();
  readonly #vouched: VouchingStore;

  constructor(deps: ImagesDeps, signal: AbortSignal) {
    this.#deps = deps;
    this.#signal = signal;
    this.#collector = new Collector(deps.registry, deps.settings.limits, signal);
    this.#vouched = deps.vouched ?? forOneRun();
  }

  /** Of an image that an object with these subjects runs. Rejects only when the signal aborts. */
  async decide(reference: ImageReference, subjects: readonly Subject[]): Promise<Decided> {
    return (await this.#decide(reference, subjects, false)).decided;
  }

  /** The same, with how it came about, and with all that was found on the way. */
  explain(reference: ImageReference, subjects: readonly Subject[]): Promise<Explained> {
    return this.#decide(reference, subjects, true);
  }

  async #decide(reference: ImageReference, subjects: readonly Subject[], everything: boolean): Promise<Explained> {
    const { trust } = this.#deps;
    const selected = trust.policies.filter((policy) => selection(policy, subjects) !== 'none');
    const isDecisive = (policy: ImagePolicy) => selection(policy, subjects) === 'certain';
    const known = selected.filter((policy) => matchesName(policy, reference, undefined));
    const perhaps = selected.filter((policy) => couldDependOnDigest(policy, reference));
    // An image that no policy can match, whatever it is, is nobody's business: no registry hears of it.
    if (known.length === 0 && perhaps.length === 0) return unmatched(undefined);
    let digest: Digest;
    try {
      digest = reference.digest ?? (await this.#resolve(reference));
    } catch (error) {
      this.#signal.throwIfAborted();
      const decided = refusedBy(asGateError(error, 'IMAGE_UNVERIFIABLE'), [...known, ...perhaps]);
      const speaks = decided.kind === 'refused' || [...known, ...perhaps].some(isDecisive);
      return { decided: speaks ? decided : { kind: 'unmatched' }, digest: undefined, accounts: [] };
    }
    const policies = selected.filter((policy) => matchesName(policy, reference, digest));
    if (policies.length === 0) return unmatched(digest);
    const { verdict: judged, accounts } = await this.#judge({ reference, digest, policies, subjects, everything });
    const verdict = (await this.#isMissing(reference, judged))
      ? refusedBy(notFound(`nothing there has the digest ${digest}`), policies)
      : judged;
    // A policy that only perhaps looks at such an object can refuse, and not vouch alone.
    const decided =
      policies.some(isDecisive) || verdict.kind === 'refused' ? verdict : ({ kind: 'unmatched' } as const);
    return { decided, digest, accounts };
  }

  /** All that hangs on a digest beside it, of every family, whatever policies look at. Unverified. */
  async survey({ repository }: ImageReference, digest: Digest): Promise<Collected> {
    const place = { repository, tagPrefix: '' };
    const all = families.map((family) => withSignal(this.#collector.collect(place, digest, family), this.#signal));
    return joined(await Promise.all(all));
  }

  #judge({ reference, digest, policies, subjects, everything }: Asked) {
    const { registry, examiner, content, clock } = this.#deps;
    const notation: NotationPorts = {
      registry,
      examineNotation: (asked, signal) => withSignal(examiner.examineNotation(asked, signal), signal),
      clock,
      signal: this.#signal,
    };
    const applied = policies.map((policy) => ({
      policy,
      objects: selectedSubjects(policy, subjects).map(({ shown }) => shown),
    }));
    return judge(
      { digest, reference, policies: applied },
      {
        collect: (authority, family) => this.#collect(authority, reference, digest, family),
        examiner: { ...examiner, examine: (asked, signal) => withSignal(examiner.examine(asked, signal), signal) },
        notation: (by, { found }, about) => judgeNotation(by, found, about, notation),
        content:
          content === undefined
            ? undefined
            : {
                check: (question, signal) => withSignal(content.check(question, signal), signal),
                judge: (question, input, signal) => withSignal(content.judge(question, input, signal), signal),
              },
        configs: () => withSignal(readImageConfigs(reference.repository, digest, registry, this.#signal), this.#signal),
        // What sufficed before is not everything.
        vouched: everything ? forOneRun() : this.#vouched,
        everything,
        clock,
        signal: this.#signal,
      },
    );
  }

  /** Whether an image that has no signature is not there at all: then nobody can sign it, and the digest is mistaken. */
  async #isMissing({ repository, digest }: ImageReference, verdict: Decided): Promise<boolean> {
    if (digest === undefined || verdict.kind !== 'refused') return false;
    if (verdict.objections.some(({ code }) => code !== 'IMAGE_UNSIGNED')) return false;
    try {
      const { registry } = this.#deps;
      return (await withSignal(registry.manifest(repository, digest, this.#signal), this.#signal)) === undefined;
    } catch {
      this.#signal.throwIfAborted();
      // It is refused in any case; that it is unsigned is known.
      return false;
    }
  }

  #resolve(reference: ImageReference): Promise<Digest> {
    const tag = reference.tag ?? 'latest';
    return remember(this.#resolved, `${repositoryName(reference.repository)}:${tag}`, async () => {
      const { registry } = this.#deps;
      const found = await withSignal(registry.resolveTag(reference.repository, tag, this.#signal), this.#signal);
      if (found === undefined) throw notFound(`it knows no tag ${tag} there`);
      if (!imageMediaTypes.has(found.mediaType)) {
        const shown = JSON.stringify(String(found.mediaType).slice(0, 80));
        throw new GateError('IMAGE_UNVERIFIABLE', `what the tag ${tag} points to is ${shown}, which is no image`);
      }
      return parseDigest(found.digest);
    });
  }

  async #collect(
    authority: SigningAuthority | NotationAuthority,
    { repository }: ImageReference,
    digest: Digest,
    family: Parameters<Collector['collect']>[2],
  ) {
    const sources = authority.kind === 'notation' ? [] : authority.sources;
    const places =
      sources.length === 0 ? [{ repository, tagPrefix: '' }] : sources.map((each) => placeOf(each, repository));
    const found = places.map((place) => withSignal(this.#collector.collect(place, digest, family), this.#signal));
    return joined(await Promise.all(found));
  }
}

/** Where a `source` of an authority lies: the place of the signatures may differ from that of the image. */
function placeOf(
  { repository, tagPrefix, pullSecrets }: SignatureSource,
  own: ReadRepository,
): { readonly repository: ReadRepository; readonly tagPrefix: string } {
  const at = repository === undefined ? own : parseImageReference(repository).repository;
  return { repository: pullSecrets.length === 0 ? at : { ...at, pullSecrets }, tagPrefix };
}

function notFound(why: string): GateError {
  return new GateError('IMAGE_NOT_FOUND', `the registry has no such image: ${why}`);
}

function unmatched(digest: Digest | undefined): Explained {
  return { decided: { kind: 'unmatched' }, digest, accounts: [] };
}

function refusedBy(error: GateError, policies: readonly ImagePolicy[]): Decided {
  const told = failureObjection('images', error, 'its digest could not be learnt');
  // A tag that is not there is an answer, not a failure to get one.
  const objection: Objection =
    error.code === 'IMAGE_NOT_FOUND' ? { ...told, effect: 'deny', message: error.message } : told;
  if (policies.every(({ mode }) => mode === 'warn')) {
    return { kind: 'tolerated', warnings: [{ ...objection, effect: 'warn' }] };
  }
  return { kind: 'refused', objections: [objection] };
}

function remember<Value>(memory: Map<string, Promise<Value>>, key: string, ask: () => Promise<Value>): Promise<Value> {
  const known = memory.get(key);
  if (known !== undefined) return known;
  // Through a promise, so that an adapter that throws before it returns one is an answer like any other.
  const asked = Promise.resolve().then(ask);
  memory.set(key, asked);
  return asked;
}

/** An adapter that ignores its signal must not hold the gate beyond the deadline. */
function withSignal<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  if (signal.aborted) {
    work.catch(() => {});
    return Promise.reject(signal.reason);
  }
  return new Promise((done, failed) => {
    const stay = whenAborted(signal, () => failed(signal.reason));
    work.then(
      (value) => {
        stay();
        done(value);
      },
      (error: unknown) => {
        stay();
        failed(error);
      },
    );
  });
}
