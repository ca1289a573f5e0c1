import { asGateError, GateError } from '../../../core/errors.ts';
import { isObject, type JsonObject } from '../../../core/json.ts';
import type { PolicyDocument } from '../document.ts';
import { compileKyvernoPolicy } from '../kyverno/policy.ts';
import type { CompiledPolicy, PolicyIdentity } from '../rule.ts';
import type { CompiledPolicies, CompileInput } from './compiled.ts';

type Compile = (document: PolicyDocument, input: CompileInput) => CompiledPolicy;

/** Who compiles a document; undefined where it is no policy of a dialect that can be tested. */
function compilerOf(apiVersion: string, _kind: string): Compile | undefined {
  const group = apiVersion.split('/')[0];
  if (group === 'kyverno.io')
    return (document, { resources }) => compileKyvernoPolicy(document, { exceptions: [], resources, isTest: true });
  return undefined;
}

/** Compiles the policies of one test, each alone: what is wrong with one concerns only the rows about it. */
export function compilePolicies(input: CompileInput): CompiledPolicies {
  const policies: CompiledPolicy[] = [];
  const refused: { identity: PolicyIdentity; error: GateError }[] = [];
  const warnings: string[] = [];
  for (const document of input.policies) {
    const identity = identityOf(document.value);
    const compile = compilerOf(identity.apiVersion, identity.kind);
    if (compile === undefined) {
      const place = document.locate([]);
      const what = `${identity.apiVersion} ${identity.kind} is no policy that can be tested`;
      refused.push({ identity, error: new GateError('POLICY_UNSUPPORTED', `${place}: ${what}`, { place }) });
      continue;
    }
    try {
      const policy = compile(document, input);
      policies.push(policy);
      warnings.push(...policy.warnings);
    } catch (thrown) {
      refused.push({ identity, error: asGateError(thrown) });
    }
  }
  return { policies, refused, warnings };
}

function identityOf(object: JsonObject): PolicyIdentity {
  const { apiVersion, kind } = object as { apiVersion: string; kind: string };
  const metadata = Object.hasOwn(object, 'metadata') && isObject(object['metadata']) ? object['metadata'] : {};
  const text = (key: string) => {
    const value = Object.hasOwn(metadata, key) ? metadata[key] : undefined;
    return typeof value === 'string' ? value : '';
  };
  return { apiVersion, kind, namespace: text('namespace'), name: text('name') };
}
