import { asGateError } from '../../../core/errors.ts';
import type { KubernetesVersion } from '../cel/profiles.ts';
import type { CompiledPolicies, CompileInput } from '../compile.ts';
import type { Operation, PolicyRequest, UserInfo } from '../kube/request.ts';
import type { CompiledPolicy, PolicyWorld, RuleResult } from '../rule.ts';
import { madeBindings } from './bindings.ts';
import { withEveryNamespace } from './cluster.ts';
import type { TestedObject } from './objects.ts';
import { type LoadedTest, readTests, type TestReader } from './read-test.ts';
import type { TestReport } from './report.ts';
import { type Asked, judgeRow, type RowFilter, takesRow } from './rows.ts';
import { suppliedTo, valuesOf } from './supplied.ts';
import { isFilter } from './unmatched.ts';

type Compiled = Pick<CompiledPolicies, 'policies' | 'refused'>;

export interface TestPorts extends TestReader {
  readonly compile: (input: CompileInput) => Compiled;
  /** The minor version of Kubernetes whose functions CEL has in policies of Kubernetes itself. */
  readonly kubernetes: KubernetesVersion;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly random: () => number;
}

/** Runs every test of one file. Never throws for what stands in files: that is a report with an error. */
export function runTests(file: string, filter: RowFilter, ports: TestPorts): TestReport[] {
  return readTests(file, ports).flatMap((test) => {
    if ('error' in test) return [failed(file, '', test.error)];
    const rows = (test.settings.results ?? []).map((row, i) => ({ row, place: test.rowPlaces[i] ?? file }));
    const taken = rows.filter(({ row }) => takesRow(filter, row));
    // A test of which the filters leave nothing costs nothing, and is no part of the run.
    if (taken.length === 0 && (rows.length > 0 || isFilter(filter))) return [];
    try {
      const { policies, refused } = compiled(test, ports);
      const asked = asker(test, policies, ports);
      return [
        {
          file,
          name: test.name,
          rows: taken.map(({ row, place }) => judgeRow({ row, place, test, policies, refused, asked, filter })),
          warnings: [
            ...(rows.length === 0 ? [`${file}: the test has no results, and so nothing of it is judged`] : []),
            ...policies.flatMap((policy) => policy.warnings),
            ...repeatedObjects(test.objects),
          ],
          error: undefined,
        },
      ];
    } catch (thrown) {
      return [failed(file, test.name, thrown)];
    }
  });
}

function failed(file: string, name: string, thrown: unknown): TestReport {
  const { code, message, mend } = asGateError(thrown);
  return { file, name, rows: [], warnings: [], error: { code, message, mend } };
}

function compiled(test: LoadedTest, { compile, kubernetes }: TestPorts): Compiled {
  const { policies, exceptions, resources, cluster } = test;
  const documents = [...policies, ...madeBindings(policies), ...exceptions];
  return compile({ documents, resources, cluster, kubernetes, isTest: true });
}

/** Asks a policy about an object once, however many rows want to know. */
function asker(test: LoadedTest, policies: readonly CompiledPolicy[], ports: TestPorts): Asked {
  const known = new Map(policies.map((policy) => [policy, new Map<string, readonly RuleResult[]>()]));
  const now = ports.now();
  return (policy, object, operation) => {
    const answers = known.get(policy);
    const key = `${operation ?? ''} ${test.objects.indexOf(object)}`;
    const found = answers?.get(key);
    if (found !== undefined) return found;
    const results = judgeOne(test, policy, object, operation, { now, random: ports.random });
    answers?.set(key, results);
    return results;
  };
}

/** What of a test the verdict about one object depends on. */
export type Surroundings = Pick<LoadedTest, 'data' | 'resources' | 'cluster' | 'userInfo'>;

/** What a policy says of one object in a test. `operation` is that of the row, where it names one. */
export function judgeOne(
  test: Surroundings,
  policy: CompiledPolicy,
  object: TestedObject,
  operation: Operation | undefined,
  { now, random }: Pick<PolicyWorld, 'now' | 'random'>,
): readonly RuleResult[] {
  const supplied = suppliedTo(test.data, policy.identity.name, object.name, operation);
  const request = requestFor(test, policy, object, operation);
  if (!policy.concerns(request.kind, request.resource, request.subresource)) return [];
  const ofKubernetes = policy.identity.kind === 'ValidatingAdmissionPolicy';
  const cluster = ofKubernetes ? withEveryNamespace(test.cluster) : test.cluster;
  return policy.judge(request, { cluster, now, random, supplied });
}

function requestFor(
  test: Surroundings,
  policy: CompiledPolicy,
  tested: TestedObject,
  explicit: Operation | undefined,
): PolicyRequest {
  const operation = explicit ?? operationFor(test, policy, tested);
  const parent = parentOf(test, tested);
  const kind = parent?.kind ?? tested.kind;
  const { resource, namespaced } =
    kind.kind === ''
      ? { resource: { group: '', version: '', resource: '' }, namespaced: false }
      : test.resources.ofKind(kind);
  const isNamespace = kind.kind === 'Namespace' && kind.group === '';
  return {
    operation,
    kind,
    resource,
    subresource: parent?.subresource ?? '',
    name: tested.name,
    namespace: isNamespace ? tested.name : tested.namespace,
    namespaced,
    object: operation === 'DELETE' ? null : tested.object,
    oldObject: operation === 'CREATE' ? null : tested.object,
    userInfo: test.userInfo ?? (hasOwnContext(policy) ? undefined : nobody),
  };
}

/**
 * The operation that the values name. Those for one policy and one object count for ClusterPolicies and Policies alone,
 * as in `kyverno test`. CONNECT is only what the variable `request.operation` says, and nothing else of such a request is
 * made up.
 */
function operationFor({ data }: Surroundings, policy: CompiledPolicy, { name }: TestedObject): Operation {
  const named = hasOwnContext(policy)
    ? valuesOf(data.values, policy.identity.name, name).get('request.operation')
    : data.values?.globalValues?.['request.operation'];
  return named === 'UPDATE' || named === 'DELETE' ? named : 'CREATE';
}

/** Whether its rules have a context, which values are put into: those in CEL have the request alone. */
function hasOwnContext({ identity }: CompiledPolicy): boolean {
  return identity.kind === 'ClusterPolicy' || identity.kind === 'Policy';
}

/** Who asks where a test does not say: an expression finds an empty user, while a variable is not there at all. */
const nobody: UserInfo = { username: '', uid: '', groups: [], extra: {}, roles: [], clusterRoles: [] };

/** Whose subresource an object of this kind is, if the values say so. */
function parentOf({ data }: Surroundings, { kind }: TestedObject) {
  const found = (data.values?.subresources ?? []).findLast(
    ({ subresource: { group = '', version = '', kind: name = '' } }) =>
      group === kind.group && version === kind.version && name === kind.kind,
  );
  if (found === undefined) return undefined;
  const { group = '', version = '', kind: name = '' } = found.parentResource;
  return { kind: { group, version, kind: name }, subresource: (found.subresource.name ?? '').split('/')[1] ?? '' };
}

function repeatedObjects(objects: readonly TestedObject[]): string[] {
  const seen = new Set<string>();
  return objects.flatMap(({ kind, namespace, name, place }) => {
    const key = `${kind.group}/${kind.kind}/${namespace}/${name}`;
    if (name === '' || !seen.has(key)) {
      seen.add(key);
      return [];
    }
    return [`${place}: ${kind.kind} ${namespace === '' ? '' : `${namespace}/`}${name} stands here a second time`];
  });
}
