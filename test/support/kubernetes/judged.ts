/** One object judged by one policy, by the API server and by the gate, in one form. */
import type { CompiledPolicy, RuleResult } from '../../../src/checks/policy/rule.ts';
import { type JsonObject, valueAt } from '../../../src/core/json.ts';
import { waitFor } from '../argocd/component.ts';
import type { AdmissionCase } from './admission-cases.ts';
import { admissionCase } from './admission-cases.ts';
import { type Answer, homeNamespace, type PolicyServer } from './server.ts';

/** The text of the first denial, if there is one, and of every warning. `invalid`: it was refused before any policy. */
export interface Judgement {
  readonly kind: 'allowed' | 'denied' | 'invalid';
  readonly message: string;
  readonly warnings: readonly string[];
}

/** What the server made of an object. */
export function serverJudgement({ status, body, warnings }: Answer): Judgement {
  const message = String(body['message'] ?? '');
  // Several headers of one name are joined by a comma.
  const spoken = warnings
    .join(', ')
    .split(/, (?=299 - ")/)
    .flatMap((text) => {
      const warned = /Validation failed for ValidatingAdmissionPolicy .*/s.exec(text)?.[0];
      return warned === undefined ? [] : [unquoted(warned)];
    });
  if (status < 300) return { kind: 'allowed', message: '', warnings: spoken.sort() };
  const start = message.indexOf("ValidatingAdmissionPolicy '");
  if (start < 0) return { kind: 'invalid', message, warnings: [] };
  return { kind: 'denied', message: message.slice(start), warnings: spoken.sort() };
}

/** A Warning header is a quoted string that ends in its quote. */
function unquoted(text: string): string {
  return text.replace(/"$/, '').replaceAll('\\"', '"').replaceAll('\\\\', '\\');
}

/** What the results of the gate would be to whoever asks the server. */
export function gateJudgement(policy: CompiledPolicy, results: readonly RuleResult[]): Judgement {
  const name = `ValidatingAdmissionPolicy '${policy.identity.name}'`;
  const denials = results.filter(
    ({ status, action, ignoreErrors }) =>
      (status === 'fail' && action === 'deny') || (status === 'error' && ignoreErrors !== true),
  );
  const warnings = results
    .filter(({ status, action }) => (status === 'fail' || status === 'error') && action === 'warn')
    .map(({ rule, message }) => `Validation failed for ${name} with binding '${rule}': ${message}`);
  const [first] = denials;
  if (first === undefined) return { kind: 'allowed', message: '', warnings: warnings.sort() };
  const binding = first.rule === '' ? '' : ` with binding '${first.rule}'`;
  return { kind: 'denied', message: `${name}${binding} denied request: ${first.message}`, warnings: warnings.sort() };
}

/**
 * Creates a policy with its bindings and waits until the server judges by it: until a policy that was created after it
 * warns. Returns what takes all of it away again.
 */
export async function install(
  server: PolicyServer,
  { policy, bindings, name }: AdmissionCase,
): Promise<() => Promise<void>> {
  const marker = markerFor(name);
  const installed: JsonObject[] = [];
  const put = async (object: JsonObject) => {
    const { status, body } = await server.create(object);
    if (status !== 201) throw new Error(`the server refuses ${name}: ${String(body['message'])}`);
    installed.push(object);
  };
  const remove = async () => {
    for (const object of installed.toReversed()) await server.remove(object);
  };
  try {
    for (const object of [policy, ...bindings, marker.policy, ...marker.bindings]) await put(object);
    const probe = {
      apiVersion: 'v1',
      kind: 'Endpoints',
      metadata: { name: `marker-${name}`, namespace: homeNamespace },
    };
    await waitFor(
      `${name} to be in force`,
      30_000,
      async () => {
        const { warnings } = await server.create(probe, { dryRun: true });
        // A warning comes even where the policy under test denies the probe.
        return warnings.some((text) => text.includes(`marker-${name}-warns`)) ? true : undefined;
      },
      20,
    );
  } catch (error) {
    await remove();
    throw error;
  }
  return remove;
}

function markerFor(name: string): AdmissionCase {
  const resourceRules = [
    {
      apiGroups: [''],
      apiVersions: ['v1'],
      operations: ['CREATE'],
      resources: ['endpoints'],
      resourceNames: [`marker-${name}`],
    },
  ];
  const spec = { matchConstraints: { resourceRules }, validations: [{ expression: 'false', message: 'marker' }] };
  return admissionCase(`marker-${name}`, spec, [{ name: 'warns', validationActions: ['Warn'] }]);
}

/** Whether the API server's message is one of an evaluation that failed, and not of a rule that said no. */
export function isError(message: string): boolean {
  return /resulted in error|failed to configure|cost budget|fails to evaluate/.test(message);
}

export function nameOf(object: JsonObject): string {
  return `${String(object['kind'])} ${String(valueAt(object, ['metadata', 'name']) ?? valueAt(object, ['metadata', 'generateName']))}`;
}
