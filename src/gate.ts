import { type Belongs, checkNamespaces } from './checks/namespaces/check.ts';
import type { DecidedImage, Decision, Outcome, UnevaluatedRule } from './core/decision.ts';
import { asGateError, GateError } from './core/errors.ts';
import type { Digest } from './core/image.ts';
import { type JsonObject, valueAt } from './core/json.ts';
import type { Manifest } from './core/manifest.ts';
import type { JudgedObject, RenderedText } from './core/rendered.ts';
import { decide, type Evidence, withDigest } from './decision/decide.ts';
import { runCheck } from './decision/run-check.ts';

/** The stages of one gate, with the platform's settings already inside them. */
export interface GateStages<Request> {
  readonly render: (request: Request, signal: AbortSignal) => Promise<RenderedSource>;
  readonly parse: (
    texts: readonly RenderedText[],
    request: Request,
  ) => readonly Manifest[] | Promise<readonly Manifest[]>;
  /** Verifies every image and answers with the manifests pinned; undefined where the configuration says `unchecked`. */
  readonly checkImages: ((manifests: readonly Manifest[], signal: AbortSignal) => Promise<ImagesAnswer>) | undefined;
  /** The objects as the policies see them. */
  readonly judged: (manifests: readonly Manifest[], request: Request) => readonly JudgedObject[];
  readonly checkPolicies: (set: readonly JudgedObject[], signal: AbortSignal) => Promise<PolicyAnswer>;
  /** What may be in a set that is rendered where this one is; undefined where nobody but the gate's own rules say. */
  readonly belongs?: Belongs | undefined;
  readonly emit: (manifests: readonly Manifest[]) => string;
  /** Whether a source that renders to nothing is let through. */
  readonly allowEmpty: boolean;
}

interface RenderedSource {
  readonly texts: readonly RenderedText[];
  readonly engines: Readonly<Record<string, string>>;
}

interface ImagesAnswer {
  readonly outcome: Outcome;
  readonly images: readonly DecidedImage[];
  readonly pinned: readonly Manifest[];
}

interface PolicyAnswer {
  readonly outcome: Outcome;
  readonly engines: Readonly<Record<string, string>>;
  readonly notEvaluated: readonly UnevaluatedRule[];
}

/** What comes out of the gate: manifests exist only beside a decision that allows them. */
export type Judged =
  | { readonly decision: Decision & { readonly verdict: 'allowed' }; readonly manifests: string }
  | {
      readonly decision: Decision & { readonly verdict: 'denied' | 'unevaluated' | 'usage' };
      readonly manifests?: never;
    };

/**
 * The whole pipeline: source → render → manifests → images → policy → decision → emit. It never throws: what cannot be
 * done is a reason to deny. The policies judge the pinned objects, because those are what will be applied.
 */
export async function judge<Request>(
  request: Request,
  stages: GateStages<Request>,
  signal: AbortSignal,
): Promise<Judged> {
  const required: string[] = ['render'];
  const answers: { check: string; outcome: Outcome }[] = [];
  let evidence: Evidence = { objects: undefined, images: [], engines: {}, notEvaluated: [] };
  const refused = () => withheld(required, answers, evidence);

  const rendered = await runCheck('render', (stop) => renderAndParse(request, stages, stop), signal);
  answers.push({ check: 'render', outcome: rendered.outcome });
  if (rendered.answer === undefined) return refused();
  evidence = { ...evidence, objects: rendered.answer.manifests.length, engines: rendered.answer.engines };
  if (rendered.outcome.kind === 'errored') return refused();

  let manifests = rendered.answer.manifests;
  const { belongs } = stages;
  if (belongs !== undefined) {
    required.push('namespaces');
    const set = () =>
      everyObject(manifests, stages.judged(manifests, request)).map(({ manifest, object }) => ({
        manifest,
        namespace: namespaceOf(object),
      }));
    const placed = await runCheck('namespaces', async () => ({ outcome: checkNamespaces(set(), belongs) }), signal);
    answers.push({ check: 'namespaces', outcome: placed.outcome });
  }

  const { checkImages } = stages;
  if (checkImages !== undefined) {
    required.push('images');
    const given = manifests;
    const verified = await runCheck(
      'images',
      async (stop) => aboutTheSameSet(given, await checkImages(given, stop)),
      signal,
    );
    answers.push({ check: 'images', outcome: verified.outcome });
    if (verified.answer !== undefined && verified.outcome.kind === 'completed') {
      manifests = verified.answer.pinned;
      evidence = { ...evidence, images: verified.answer.images };
    }
    // What stopped one check would stop the next: it is told once.
    if (signal.aborted && verified.outcome.kind === 'errored') return refused();
  }

  required.push('policy');
  const policed = await runCheck(
    'policy',
    async (stop) => stages.checkPolicies(everyObject(manifests, stages.judged(manifests, request)), stop),
    signal,
  );
  answers.push({ check: 'policy', outcome: policed.outcome });
  evidence = {
    ...evidence,
    engines: { ...evidence.engines, ...policed.answer?.engines },
    notEvaluated: policed.answer?.notEvaluated ?? [],
  };

  const decision = decide(required, answers, evidence);
  if (decision.verdict !== 'allowed') return refused();
  try {
    const output = stages.emit(manifests);
    // An empty text is what a controller would prune everything for.
    if (typeof output !== 'string' || (manifests.length > 0 && output.trim() === '')) {
      throw new GateError('EMIT_FAILED', 'the set has objects, and nothing was written for them');
    }
    // Loaded here: it takes as long as parsing a small set, and a refusal needs none.
    const { createHash } = await import('node:crypto');
    const digest = `sha256:${createHash('sha256').update(output).digest('hex')}` as Digest;
    return { decision: { ...withDigest(decision, digest), verdict: 'allowed' }, manifests: output };
  } catch (thrown) {
    required.push('emit');
    answers.push({ check: 'emit', outcome: { kind: 'errored', error: asGateError(thrown) } });
    return refused();
  }
}

/** The stages that one object can go through: nothing is rendered, and nothing comes out but a decision. */
export interface ObjectStages {
  /** Undefined where the configuration says `unchecked`. */
  readonly checkImages: ((manifests: readonly Manifest[], signal: AbortSignal) => Promise<ImagesAnswer>) | undefined;
  readonly checkPolicies: (judged: JudgedObject, signal: AbortSignal) => Promise<PolicyAnswer>;
}

/**
 * Judges one object on its way into a cluster, as it is: nothing is pinned, because what is judged must be what will be
 * stored. `read` makes the object of the request; it throws for what is none. Never throws.
 */
export async function judgeObject(
  read: () => JudgedObject,
  { checkImages, checkPolicies }: ObjectStages,
  signal: AbortSignal,
): Promise<Decision> {
  const required = ['request', ...(checkImages === undefined ? [] : ['images']), 'policy'];
  let judged: JudgedObject;
  try {
    judged = read();
  } catch (thrown) {
    const outcome = { kind: 'errored', error: asGateError(thrown) } as const;
    const evidence = { objects: undefined, images: [], engines: {}, notEvaluated: [] };
    return withDigest(decide(['request'], [{ check: 'request', outcome }], evidence), undefined);
  }
  const { manifest } = judged;
  const images =
    checkImages &&
    runCheck('images', async (stop) => aboutTheSameSet([manifest], await checkImages([manifest], stop)), signal);
  const policies = runCheck('policy', (stop) => checkPolicies(judged, stop), signal);
  const [verified, policed] = await Promise.all([images, policies]);
  const answers = [
    { check: 'request', outcome: { kind: 'completed', examined: 1, findings: [] } as const },
    ...(verified === undefined ? [] : [{ check: 'images', outcome: verified.outcome }]),
    { check: 'policy', outcome: policed.outcome },
  ];
  const decision = decide(required, answers, {
    objects: 1,
    images: verified?.answer?.images ?? [],
    engines: policed.answer?.engines ?? {},
    notEvaluated: policed.answer?.notEvaluated ?? [],
  });
  return withDigest(decision, undefined);
}

function withheld(
  required: readonly string[],
  answers: readonly { check: string; outcome: Outcome }[],
  evidence: Evidence,
): Judged {
  const decision = decide(required, answers, evidence);
  // Whoever calls this has seen a failure: if no answer carries it, that itself is the failure.
  const verdict = decision.verdict === 'allowed' ? 'unevaluated' : decision.verdict;
  return { decision: { ...withDigest(decision, undefined), verdict } };
}

async function renderAndParse<Request>(request: Request, stages: GateStages<Request>, signal: AbortSignal) {
  const { texts, engines } = await stages.render(request, signal);
  const manifests = await stages.parse(texts, request);
  if (!isList(texts) || !isList(manifests) || manifests.some((each) => each?.identity === undefined)) {
    throw new GateError('CHECK_SILENT', 'what was rendered was not read into objects');
  }
  const outcome: Outcome =
    manifests.length > 0 || stages.allowEmpty
      ? { kind: 'completed', examined: manifests.length, findings: [] }
      : {
          kind: 'errored',
          error: new GateError('RENDER_NOTHING', 'the source renders to no object at all'),
        };
  return { outcome, manifests, engines };
}

/** The answer of the images check, if it is one about the set it was given: whoever drops or adds an object is refused. */
function aboutTheSameSet(given: readonly Manifest[], answer: ImagesAnswer): ImagesAnswer {
  if (answer?.outcome?.kind !== 'completed') return answer;
  if (isList(answer.images) && samePlaces(given, answer.pinned)) return answer;
  throw new GateError('CHECK_SILENT', 'the images check did not return the set it was given');
}

/** What the policies are shown, if nothing was kept from them. */
function everyObject(manifests: readonly Manifest[], judged: readonly JudgedObject[]): readonly JudgedObject[] {
  if (
    isList(judged) &&
    samePlaces(
      manifests,
      judged.map((each) => each?.manifest),
    ) &&
    judged.every(hasObject)
  ) {
    return judged;
  }
  throw new GateError('CHECK_SILENT', 'not every object would have been shown to the policies');
}

/** As Array.isArray, which takes the type of the elements away from a read-only array. */
function isList(value: readonly unknown[] | undefined): boolean {
  return Array.isArray(value);
}

function hasObject(judged: JudgedObject): boolean {
  return typeof judged.object === 'object' && judged.object !== null;
}

function samePlaces(before: readonly Manifest[], after: readonly Manifest[]): boolean {
  return (
    isList(after) &&
    before.length === after.length &&
    before.every((manifest, i) => {
      const other = after[i];
      return (
        other !== undefined &&
        manifest.index === other.index &&
        manifest.identity.apiVersion === other.identity.apiVersion &&
        manifest.identity.kind === other.identity.kind &&
        manifest.identity.name === other.identity.name &&
        manifest.identity.namespace === other.identity.namespace
      );
    })
  );
}

function namespaceOf(object: JsonObject): string | undefined {
  const namespace = valueAt(object, ['metadata', 'namespace']);
  return typeof namespace === 'string' && namespace !== '' ? namespace : undefined;
}
