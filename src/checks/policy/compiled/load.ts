import type { Finding, UnevaluatedRule } from '../../../core/decision.ts';
import { CODES, GateError } from '../../../core/errors.ts';
import { compilePolicies } from '../compile.ts';
import { type Policies, type PolicyDescription, WHOLE_SET_UNKNOWN } from '../dialect.ts';
import type { PolicyDocument } from '../document.ts';
import type { ExceptionDescription } from '../exception-description.ts';
import type { ImageVerification } from '../image-answers.ts';
import { completeObject } from '../kube/completion.ts';
import { createResourceTable, type ResourceTable } from '../kube/resources.ts';
import { createCluster, readSnapshot } from '../kube/snapshot.ts';
import { oneLine } from '../message.ts';
import type { CompiledPolicy } from '../rule.ts';
import type { CompiledPorts, CompiledSettings } from './dialect.ts';
import { policyName } from './findings.ts';
import { createJudge } from './judge.ts';
import { feeds } from './worlds.ts';

/**
 * Compiles the documents of all files together, and answers with what judges by them. Throws the first fault of any
 * policy that no waiver covers.
 */
export async function loadCompiled(
  documents: readonly PolicyDocument[],
  settings: CompiledSettings,
  ports: CompiledPorts,
  signal: AbortSignal,
): Promise<Policies> {
  const { cluster: known, evaluation, resolvePath } = settings;
  refuseRepeated(documents);
  const snapshot = readSnapshot(
    known.objects.map(({ path }) => resolvePath(path)),
    ports.readDocuments,
  );
  const cluster = createCluster(snapshot, known.complete);
  const definitions = cluster.list({ group: 'apiextensions.k8s.io', kind: 'CustomResourceDefinition' });
  const resources = createResourceTable({ definitions, isClusterScoped: settings.isClusterScoped });
  refuseUnknownKinds(known.complete, 'spec.cluster.complete', resources);
  refuseUnknownKinds(
    known.fromRendered.flatMap(({ kinds }) => kinds),
    'spec.cluster.fromRendered',
    resources,
  );
  const compiled = compilePolicies({
    documents,
    resources,
    cluster,
    kubernetes: known.kubernetes,
    isTest: false,
  });
  const waived = waive(compiled, evaluation.waivers, ports.clock.now());
  const { policies } = compiled;
  refuseUnknownFeeds(policies, known.fromRendered);
  const { images, hazards } = await prepareImages(policies, ports.images);
  signal.throwIfAborted();

  const judge = createJudge(
    policies,
    {
      onlyPinnedPasses: evaluation.onlyPinnedPasses,
      fromRendered: known.fromRendered,
      complete: (object, now) => completeObject(object, { now, resources, kubernetes: known.kubernetes }).object,
    },
    { cluster, resources, userInfo: known.identity, now: () => ports.clock.now(), images },
  );
  const described = policies.map((policy) => describe(policy, hazards.get(policy) ?? []));
  const notEvaluated = [...described.flatMap(unevaluatedIn), ...waived];
  const fed = [...feeds(policies, known.fromRendered).keys()];
  const notEvaluatedOfOne = [
    ...notEvaluated,
    ...fed.map((policy): UnevaluatedRule => ({ policy: policyName(policy), rule: '', why: WHOLE_SET_UNKNOWN })),
  ];
  const all = [...described, ...compiled.exceptions.map(describeException)];
  const hazardFindings = all.flatMap(hazardsOf);
  return {
    described: all,
    async judge(set, stop, shown = 'whole set') {
      const outcome = await judge(set, stop, shown);
      const told =
        outcome.kind === 'completed' ? { ...outcome, findings: [...outcome.findings, ...hazardFindings] } : outcome;
      return { outcome: told, engines: {}, notEvaluated: shown === 'whole set' ? notEvaluated : notEvaluatedOfOne };
    },
    dispose: async () => {},
  };
}

/** What a person should know of a policy, told with every verdict: a list that nobody asks for is one that nobody reads. */
function hazardsOf({ policy, source, warnings }: PolicyDescription): Finding[] {
  return warnings.map((warning) => ({
    effect: 'warn',
    code: 'POLICY_HAZARD',
    rule: policy,
    message: oneLine(warning),
    mend: `${CODES.POLICY_HAZARD.mend.replace(/\.$/, '')}; it is in ${oneLine(source, 300)}.`,
  }));
}

/** What verifies the images that policies ask about, and what a person should know of whom they trust. */
interface PreparedImages {
  readonly images: ImageVerification | undefined;
  readonly hazards: ReadonlyMap<CompiledPolicy, readonly string[]>;
}

/** Reads whom the policies trust to sign images, so that what cannot be verified by is refused now. */
async function prepareImages(
  policies: readonly CompiledPolicy[],
  open: CompiledPorts['images'],
): Promise<PreparedImages> {
  const asking = policies.filter(({ trusts }) => trusts !== undefined && trusts.length > 0);
  const [first] = asking;
  if (first === undefined) return { images: undefined, hazards: new Map() };
  if (open === undefined) {
    throw new GateError('POLICY_UNSUPPORTED', `${first.source}: ${policyName(first)} verifies images`, {
      place: first.source,
      mend: 'Say in spec.images how images are verified; `unchecked` leaves nobody to ask.',
    });
  }
  const images = await open();
  const hazards = new Map<CompiledPolicy, readonly string[]>();
  for (const policy of asking) {
    const found: string[] = [];
    for (const trust of policy.trusts ?? []) found.push(...(await images.prepare(trust)));
    hazards.set(
      policy,
      [...new Set(found)].map((hazard) => `${policy.source}: ${hazard}`),
    );
  }
  return { images, hazards };
}

type Waiver = CompiledSettings['evaluation']['waivers'][number];

/** The refused policies that may be left out. Throws the fault of the first that may not, and for an idle waiver. */
function waive(
  { refused }: Pick<ReturnType<typeof compilePolicies>, 'refused'>,
  waivers: readonly Waiver[],
  now: number,
): UnevaluatedRule[] {
  const errors: GateError[] = [];
  const covered = refused.flatMap(({ identity, error }): UnevaluatedRule[] => {
    const policy = policyName({ identity });
    const waiver = waivers.find((each) => each.policy === policy);
    const holds = waiver !== undefined && (waiver.until === undefined || Date.parse(waiver.until) > now);
    if (!holds) errors.push(error);
    return holds ? [{ policy, rule: '', why: `waived (${waiver.reason}): ${error.message}` }] : [];
  });
  const [first, ...more] = errors;
  if (first !== undefined) throw more.length === 0 ? first : withOthers(first, more);
  const idle = waivers.find(({ policy }) => !covered.some((each) => each.policy === policy));
  if (idle === undefined) return covered;
  throw new GateError(
    'POLICY_WAIVER_UNUSED',
    `the waiver for ${idle.policy} covers nothing: no such policy is refused`,
  );
}

/** The first fault, and where the others are: whoever mends a folder wants to know of all of them. */
function withOthers(first: GateError, more: readonly GateError[]): GateError {
  const places = more.slice(0, 5).map(({ place, message }) => place ?? message);
  const rest = more.length > places.length ? ` and ${more.length - places.length} more places` : '';
  const message = `${first.message}; more is wrong at ${places.join(', ')}${rest}`;
  return new GateError(first.code, message, {
    mend: first.mend,
    cause: first,
    ...(first.place !== undefined && { place: first.place }),
  });
}

/** A kind that cannot exist would leave the snapshot as incomplete as it was, and nobody would notice. */
function refuseUnknownKinds(kinds: readonly string[], field: string, resources: ResourceTable): void {
  for (const name of kinds) {
    const slash = name.lastIndexOf('/');
    const [group, kind] = [name.slice(0, Math.max(slash, 0)), name.slice(slash + 1)];
    if (!resources.knowsWholeGroup(group)) continue;
    if (resources.ofKind({ group, version: 'v1', kind }).source !== 'guessed') continue;
    throw new GateError('CONFIG_INVALID', `${field} names ${name}, and Kubernetes has no such kind`, {
      mend: 'Write a kind with its group: Namespace, ConfigMap, apps/Deployment, networking.k8s.io/Ingress.',
    });
  }
}

/** A feed for a policy that is not there would be a typing mistake that nobody notices. */
function refuseUnknownFeeds(
  policies: readonly CompiledPolicy[],
  feeds: CompiledSettings['cluster']['fromRendered'],
): void {
  const names = new Set(policies.map(policyName));
  const unknown = feeds.find(({ policy }) => !names.has(policy));
  if (unknown === undefined) return;
  throw new GateError('CONFIG_INVALID', `spec.cluster.fromRendered names ${unknown.policy}, which is no policy here`);
}

function describe(policy: CompiledPolicy, hazards: readonly string[]): PolicyDescription {
  return {
    dialect: policy.identity.apiVersion.startsWith('admissionregistration.k8s.io/') ? 'Kubernetes' : 'Kyverno',
    policy: policyName(policy),
    source: policy.source,
    rules: policy.rules,
    warnings: [...policy.warnings, ...hazards],
  };
}

function describeException({ key, source, excepts, until, warnings }: ExceptionDescription): PolicyDescription {
  return {
    dialect: 'Kyverno',
    policy: `PolicyException ${key}`,
    source,
    rules: [],
    warnings,
    excepts,
    ...(until !== undefined && { until }),
  };
}

function unevaluatedIn({ policy, rules }: PolicyDescription): UnevaluatedRule[] {
  return rules.flatMap(({ name, notEvaluated }) =>
    notEvaluated === undefined ? [] : [{ policy, rule: name, why: notEvaluated }],
  );
}

/** Of two policies of one identity a cluster would keep the second alone. */
function refuseRepeated(documents: readonly PolicyDocument[]): void {
  const known = new Map<string, PolicyDocument>();
  for (const document of documents) {
    const { apiVersion, kind, metadata } = document.value as {
      readonly apiVersion: string;
      readonly kind: string;
      readonly metadata?: { readonly namespace?: unknown; readonly name?: unknown };
    };
    const group = apiVersion.slice(0, apiVersion.lastIndexOf('/'));
    const key = JSON.stringify([group, kind, metadata?.namespace ?? '', metadata?.name ?? '']);
    const first = known.get(key);
    if (first !== undefined) {
      const place = document.locate([]);
      const message = `${place}: a second ${kind} ${String(metadata?.name)}; the first is at ${first.locate([])}`;
      throw new GateError('POLICY_REPEATED', message, { place });
    }
    known.set(key, document);
  }
}
