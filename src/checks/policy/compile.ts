import { asGateError, GateError } from '../../core/errors.ts';
import { isObject, type JsonObject } from '../../core/json.ts';
import { checkBinding, compileAdmissionPolicy } from './admission/policy.ts';
import { type KubernetesVersion, kubernetes as kubernetesProfile, kyverno as kyvernoProfile } from './cel/profiles.ts';
import type { PolicyDocument } from './document.ts';
import { describeCelException, describeKyvernoException, type ExceptionDescription } from './exception-description.ts';
import type { Cluster } from './kube/cluster.ts';
import { MatchResources } from './kube/match-resources.ts';
import { checkNamedResources } from './kube/named-resources.ts';
import type { ResourceTable } from './kube/resources.ts';
import { type CelException, compileCelPolicy, readCelException } from './kyverno/cel-policies/load.ts';
import { type CompiledException, compileKyvernoException } from './kyverno/exceptions.ts';
import { compileKyvernoPolicy } from './kyverno/policy.ts';
import type { CompiledPolicy, PolicyIdentity } from './rule.ts';

/** What policies are compiled from. */
export interface CompileInput {
  /** Policies with what belongs to them: their bindings and exceptions. */
  readonly documents: readonly PolicyDocument[];
  readonly resources: ResourceTable;
  /** The platform's snapshot: parameters are looked up in it, never in what is rendered. */
  readonly cluster: Cluster;
  /** The version of Kubernetes whose functions CEL has. */
  readonly kubernetes: KubernetesVersion;
  /** In a test of policies, values may stand in for what a cluster, a registry or a server would say. */
  readonly isTest: boolean;
}

export interface CompiledPolicies {
  readonly policies: readonly CompiledPolicy[];
  readonly exceptions: readonly ExceptionDescription[];
  /** Policies that can never judge, and why. */
  readonly refused: readonly { readonly identity: PolicyIdentity; readonly error: GateError }[];
}

/** What the documents say besides the policies. */
interface Context extends CompileInput {
  readonly kyvernoExceptions: readonly CompiledException[];
  readonly celExceptions: readonly CelException[];
  readonly bindings: readonly PolicyDocument[];
}

type Compile = (document: PolicyDocument, context: Context) => CompiledPolicy;

/** By group and kind. `attached`: it is read before the policies, because it is a part of some of them. */
const compilers: Readonly<Record<string, Compile | 'attached'>> = {
  'kyverno.io/ClusterPolicy': compileKyverno,
  'kyverno.io/Policy': compileKyverno,
  'kyverno.io/PolicyException': 'attached',
  'policies.kyverno.io/PolicyException': 'attached',
  ...ofEachScope('policies.kyverno.io', ['Validating', 'ImageValidating', 'Mutating', 'Generating', 'Deleting']),
  'admissionregistration.k8s.io/ValidatingAdmissionPolicy': compileAdmission,
  'admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding': 'attached',
};

/** The kinds that Kyverno has for the cluster and for one namespace. */
function ofEachScope(group: string, purposes: readonly string[]): Record<string, Compile> {
  const kinds = purposes.flatMap((purpose) => [`${purpose}Policy`, `Namespaced${purpose}Policy`]);
  return Object.fromEntries(kinds.map((kind) => [`${group}/${kind}`, compileCel]));
}

/**
 * Compiles every policy by its dialect, each alone: what is wrong with one is told beside the others. Throws a GateError
 * for what concerns no policy in particular, such as an exception that cannot be read.
 */
export function compilePolicies(input: CompileInput): CompiledPolicies {
  const context = { ...input, ...attachedTo(input) };
  const policies: CompiledPolicy[] = [];
  const refused: { identity: PolicyIdentity; error: GateError }[] = [];
  for (const document of input.documents) {
    const identity = identityOf(document.value);
    const compile = compilerOf(identity);
    if (compile === 'attached') continue;
    try {
      if (compile === undefined) throw unknownKind(document, identity);
      const policy = compile(document, context);
      policies.push({
        ...policy,
        warnings: [...policy.warnings, ...checkNames(document, context)],
        readsNamespaces: readsNamespaces(document, context),
      });
    } catch (thrown) {
      refused.push({ identity, error: asGateError(thrown) });
    }
  }
  const loaded = [...policies, ...refused];
  const exceptions = [
    ...context.kyvernoExceptions.map((each) => describeKyvernoException(each, loaded)),
    ...context.celExceptions.map((each) => describeCelException(each, loaded)),
  ];
  return { policies, exceptions, refused };
}

/**
 * Whether a policy, or a binding of it, speaks of namespaces in any way: a selector, a list of names, a field, a variable,
 * or because it belongs to one. Told by the text, because every way of every dialect has the word in it.
 */
function readsNamespaces({ value }: PolicyDocument, { bindings }: Context): boolean {
  const { kind, name, namespace } = identityOf(value);
  const mentions = (object: JsonObject) => /namespace/i.test(JSON.stringify(object['spec'] ?? null, jsonSafe));
  const bound = bindings.filter((each) => kind === 'ValidatingAdmissionPolicy' && policyNameOf(each) === name);
  return namespace !== '' || mentions(value) || bound.some((each) => mentions(each.value));
}

/** Warnings of the resources that a policy and its bindings name. Throws POLICY_INVALID for one that is mistyped. */
function checkNames(policy: PolicyDocument, { resources, isTest, bindings }: Context): string[] {
  const { kind, name } = identityOf(policy.value);
  const check = (document: PolicyDocument, field: string) => {
    const spec = isObject(document.value['spec']) ? document.value['spec'] : {};
    const read = MatchResources.safeParse(Object.hasOwn(spec, field) ? spec[field] : undefined);
    return read.success ? checkNamedResources(read.data, resources, document, ['spec', field], isTest) : [];
  };
  if (!/ValidatingPolicy$|^ValidatingAdmissionPolicy$/.test(kind)) return [];
  const bound = bindings.filter((each) => kind === 'ValidatingAdmissionPolicy' && policyNameOf(each) === name);
  return [...check(policy, 'matchConstraints'), ...bound.flatMap((each) => check(each, 'matchResources'))];
}

function policyNameOf({ value }: PolicyDocument): unknown {
  const spec = isObject(value['spec']) ? value['spec'] : {};
  return Object.hasOwn(spec, 'policyName') ? spec['policyName'] : undefined;
}

/** JSON has no integers of any size. */
function jsonSafe(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

function compileKyverno(document: PolicyDocument, { resources, isTest, kyvernoExceptions }: Context): CompiledPolicy {
  return compileKyvernoPolicy(document, { resources, isTest, exceptions: kyvernoExceptions });
}

function compileCel(document: PolicyDocument, { resources, isTest, celExceptions }: Context): CompiledPolicy {
  const language = (namespace: string | undefined) => kyvernoProfile('1.19', namespace);
  return compileCelPolicy(document, { resources, isTest, language, exceptions: celExceptions });
}

function compileAdmission(document: PolicyDocument, { resources, kubernetes, bindings }: Context): CompiledPolicy {
  return compileAdmissionPolicy(document, { resources, profile: kubernetesProfile(kubernetes), bindings });
}

/** Exceptions and bindings, each read whole: one that names no policy here may be a mistyped one. */
function attachedTo({ documents, resources, isTest }: CompileInput) {
  const of = (key: string) => documents.filter(({ value }) => keyOf(identityOf(value)) === key);
  const admission = of('admissionregistration.k8s.io/ValidatingAdmissionPolicy');
  const bindings = of('admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding');
  const names = new Set(admission.map(({ value }) => identityOf(value).name));
  for (const binding of bindings) checkBinding(binding, names);
  return {
    bindings,
    kyvernoExceptions: of('kyverno.io/PolicyException').map((document) =>
      compileKyvernoException(document, { resources, isTest }),
    ),
    celExceptions: of('policies.kyverno.io/PolicyException').map(readCelException),
  };
}

function compilerOf(identity: PolicyIdentity): Compile | 'attached' | undefined {
  const key = keyOf(identity);
  return Object.hasOwn(compilers, key) ? compilers[key] : undefined;
}

function keyOf({ apiVersion, kind }: PolicyIdentity): string {
  return `${apiVersion.slice(0, Math.max(0, apiVersion.lastIndexOf('/')))}/${kind}`;
}

function unknownKind(document: PolicyDocument, { apiVersion, kind }: PolicyIdentity): GateError {
  const place = document.locate(['kind']);
  return new GateError('POLICY_UNSUPPORTED', `${place}: ${apiVersion} ${kind} is no policy that can be judged by`, {
    place,
  });
}

function identityOf(object: JsonObject): PolicyIdentity {
  const { apiVersion, kind } = object as { readonly apiVersion: string; readonly kind: string };
  const metadata = Object.hasOwn(object, 'metadata') && isObject(object['metadata']) ? object['metadata'] : {};
  const text = (key: string) => {
    const value = Object.hasOwn(metadata, key) ? metadata[key] : undefined;
    return typeof value === 'string' ? value : '';
  };
  return { apiVersion, kind, namespace: text('namespace'), name: text('name') };
}
