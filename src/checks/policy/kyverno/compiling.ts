import type { JsonPath, JsonValue } from '../../../core/json.ts';
import { type PolicyDocument, policyError } from '../document.ts';
import type { ResourceTable } from '../kube/resources.ts';
import { matchesWildcard } from '../values/wildcard.ts';
import { Fault } from './fault.ts';
import { JmesError } from './jmespath/error.ts';
import { type ContextQuery, compileContextQuery } from './query.ts';
import { resolveReferences } from './references.ts';
import type { ContextEntry } from './schema.ts';
import type { Scope } from './scope.ts';
import { compileTemplate, renderTemplate, type Template, TemplateError } from './template.ts';

/**
 * The parts of a rule as they are compiled: where they stand, and which variables they may name. Everything that cannot
 * be compiled is a GateError with the place of it: POLICY_INVALID, or POLICY_UNSUPPORTED for what Kyverno has and a gate
 * cannot have.
 */
export interface Compiling {
  readonly document: PolicyDocument;
  /** Empty for a ClusterPolicy. */
  readonly namespace: string;
  /** In a test of policies, values may stand in for what a cluster, a registry or a server would say. */
  readonly isTest: boolean;
  readonly isForeach: boolean;
  readonly resources: ResourceTable;
  /** Wildcards of the variables that context entries add. */
  readonly variables: readonly string[];
}

/** Inside of a foreach, and where more context entries are known. */
export function withEntries(
  compiling: Compiling,
  entries: readonly ContextEntry[],
  isForeach = compiling.isForeach,
): Compiling {
  const added = entries.flatMap(({ name, configMap }) =>
    configMap === undefined
      ? [`${name}*`]
      : [`${name}.data`, `${name}.metadata`, `${name}.data.*`, `${name}.metadata.*`],
  );
  return { ...compiling, isForeach, variables: [...compiling.variables, ...added] };
}

/** A value with references and variables. References that lead nowhere are errors. */
export function templateAt(compiling: Compiling, value: JsonValue, path: JsonPath): Template {
  try {
    return compileTemplate(resolveReferences(value), (query, text) => checkVariable(compiling, query, text));
  } catch (error) {
    throw placed(compiling, path, error);
  }
}

/** A value that is rendered as a text; for what is none, the Fault says what was expected. */
export function textAt(compiling: Compiling, text: string, path: JsonPath, called: string): (scope: Scope) => string {
  const template = templateAt(compiling, text, path);
  return (scope) => {
    const value = renderTemplate(template, scope);
    if (typeof value !== 'string') throw new Fault(`${called} must be a string`);
    return value;
  };
}

/** An expression without braces. */
export function queryAt(compiling: Compiling, text: string, path: JsonPath): ContextQuery {
  try {
    return compileContextQuery(text);
  } catch (error) {
    throw placed(compiling, path, error);
  }
}

/** The error with its place, where it is one about the policy. */
function placed({ document }: Compiling, path: JsonPath, error: unknown): unknown {
  if (error instanceof TemplateError) {
    return explained(document, [...path, ...error.steps], error.cause, error.message);
  }
  if (error instanceof JmesError || error instanceof Fault) return explained(document, path, error, error.message);
  return error;
}

function explained(document: PolicyDocument, path: JsonPath, cause: unknown, message: string): Error {
  if (cause instanceof JmesError && cause.kind === 'unsupported') {
    return policyError(document, path, message, 'POLICY_UNSUPPORTED', { cause });
  }
  if (cause instanceof JmesError || cause instanceof Fault) {
    return policyError(document, path, message, 'POLICY_INVALID', { cause });
  }
  return cause instanceof Error ? cause : new Error(message, { cause });
}

/** What Kyverno allows a variable to speak of when it takes a policy: it looks for these words anywhere in the text. */
const allowed =
  /request|serviceAccountName|serviceAccountNamespace|element|elementIndex|@|images|image|([a-z_0-9]+\()[^{}]/;

function checkVariable({ isForeach, variables }: Compiling, _query: ContextQuery, text: string): void {
  if (!isForeach && text.startsWith('element')) {
    throw new Fault(`{{ ${text} }} names an element, and stands outside of foreach`);
  }
  const plain = text.replaceAll('"', '');
  if (allowed.test(plain) || variables.some((each) => matchesWildcard(each, plain))) return;
  throw new Fault(`{{ ${text} }} is a variable that neither the request nor the context of the rule has`);
}
