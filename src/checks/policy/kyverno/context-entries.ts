import { isObject, type JsonObject, type JsonPath, type JsonValue } from '../../../core/json.ts';
import { policyError } from '../document.ts';
import type { SuppliedResponse } from '../supplied.ts';
import { answerApiCall } from './api-call.ts';
import { type Compiling, queryAt, templateAt, textAt, withEntries } from './compiling.ts';
import { during, Fault } from './fault.ts';
import { type ContextQuery, dynamicQuery } from './query.ts';
import type { ContextEntry } from './schema.ts';
import type { EntryLoader, Scope } from './scope.ts';
import { renderTemplate, type Template } from './template.ts';
import { Unanswerable } from './unanswerable.ts';

const reserved = ['images', 'request', 'serviceAccountName', 'serviceAccountNamespace', 'element', 'elementIndex'];

/** Data from outside that is larger than this is refused: Kyverno bounds the context of a rule so. */
const maxData = 2 * 1024 * 1024;

/**
 * Compiles the context entries of a rule or a foreach. Throws GateErrors: POLICY_UNSUPPORTED for data that a gate has no
 * source of. Gives the entries, and what is compiled with their names known.
 */
export function compileEntries(
  compiling: Compiling,
  entries: readonly ContextEntry[],
  path: JsonPath,
): { readonly loaders: readonly EntryLoader[]; readonly inside: Compiling } {
  const inside = withEntries(compiling, entries);
  const loaders = entries.map((entry, index) => compileEntry(inside, entry, [...path, index]));
  return { loaders, inside };
}

function compileEntry(compiling: Compiling, entry: ContextEntry, path: JsonPath): EntryLoader {
  const { document } = compiling;
  const { name, variable, configMap, apiCall, imageRegistry, globalReference } = entry;
  const taken = reserved.find((each) => name === each || name.startsWith(`${each}.`));
  if (taken !== undefined) throw policyError(document, [...path, 'name'], `${name} is the name of what every rule has`);
  if (!/^[A-Za-z0-9_.-]+$/.test(name)) {
    throw policyError(
      document,
      [...path, 'name'],
      `${JSON.stringify(name)} is no name that an expression could look up`,
    );
  }
  const sources = [variable, configMap, apiCall, imageRegistry, globalReference].filter((each) => each !== undefined);
  if (sources.length !== 1) {
    throw policyError(
      document,
      path,
      'exactly one of variable, configMap, apiCall, imageRegistry and globalReference is required',
    );
  }
  if (variable !== undefined) return compileVariable(compiling, name, variable, [...path, 'variable']);
  if (configMap !== undefined) return compileConfigMap(compiling, name, configMap, [...path, 'configMap']);
  if (apiCall !== undefined) return compileApiCall(compiling, name, apiCall, [...path, 'apiCall']);
  if (globalReference !== undefined) {
    return compileGlobalReference(compiling, name, globalReference, [...path, 'globalReference']);
  }
  return compileImageRegistry(compiling, name, entry, [...path, 'imageRegistry']);
}

/** What is put to the value of an entry: an expression, whose own text may hold variables. */
function compilePath(compiling: Compiling, text: string, path: JsonPath): (scope: Scope) => ContextQuery {
  if (!text.includes('{{') && !text.includes('$(')) {
    const query = queryAt(compiling, text, path);
    return () => query;
  }
  const render = textAt(compiling, text, path, 'jmesPath');
  return (scope) => dynamicQuery(render(scope));
}

function compileVariable(
  compiling: Compiling,
  name: string,
  variable: NonNullable<ContextEntry['variable']>,
  path: JsonPath,
): EntryLoader {
  const { value, jmesPath = '', default: fallback } = variable;
  const { document } = compiling;
  if ((value === undefined || value === null) && jmesPath === '') {
    throw policyError(document, path, 'a variable needs a value or a jmesPath');
  }
  if (fallback !== undefined && fallback !== null && jmesPath === '') {
    throw policyError(document, [...path, 'default'], 'a default has a meaning with a jmesPath alone');
  }
  const query = jmesPath === '' ? undefined : compilePath(compiling, jmesPath, [...path, 'jmesPath']);
  const fallbackOf = template(compiling, fallback, [...path, 'default']);
  const givenValue = template(compiling, value, [...path, 'value']);
  return {
    name,
    load(scope) {
      const render = <Made>(source: JsonValue | undefined, make: () => Made): Made => {
        try {
          return make();
        } catch (error) {
          const spelt = typeof source === 'string' ? ` ${source}` : '';
          throw during(`failed to substitute variables in context entry ${name}${spelt}`, error);
        }
      };
      const path = render(jmesPath, () => query?.(scope));
      let output = fallbackOf === undefined ? undefined : render(fallback, () => renderTemplate(fallbackOf, scope));
      const given = givenValue === undefined ? undefined : render(value, () => renderTemplate(givenValue, scope));
      const hasDefault = output !== undefined && output !== null;
      if (path === undefined) {
        output = given;
      } else {
        try {
          const found = givenValue === undefined ? scope.search(path) : path.search(given ?? null, scope.view.ports);
          // A value that the expression does not find is nothing; one that no value was given for leaves the default.
          if (givenValue !== undefined || found !== null) output = found;
        } catch (error) {
          if (!(error instanceof Fault)) throw error;
          if (!hasDefault) throw during(`failed to apply jmespath ${path.text} to variable <nil>`, error);
        }
      }
      if (output === undefined || output === null) {
        throw new Fault(`failed to add context entry for variable ${name} since it evaluated to nil`);
      }
      return { value: output, merge: false };
    },
  };
}

function template(compiling: Compiling, value: JsonValue | undefined, path: JsonPath): Template | undefined {
  return value === undefined || value === null ? undefined : templateAt(compiling, value, path);
}

function compileConfigMap(
  compiling: Compiling,
  name: string,
  configMap: NonNullable<ContextEntry['configMap']>,
  path: JsonPath,
): EntryLoader {
  const nameOf = textAt(compiling, configMap.name, [...path, 'name'], `context ${name} configMap.name`);
  const given = configMap.namespace ?? '';
  const namespaceOf = textAt(compiling, given, [...path, 'namespace'], `context ${name} configMap.namespace`);
  const own = compiling.namespace;
  const kind = { group: '', kind: 'ConfigMap' };
  return {
    name,
    load(scope) {
      const failed = `failed to retrieve config map for context entry ${name}`;
      try {
        const namespace = namespaceOf(scope) || own || 'default';
        const object = nameOf(scope);
        if (own !== '' && namespace !== own) {
          throw new Fault(`configMap namespace "${namespace}" is different from policy namespace "${own}"`);
        }
        const found = scope.world.cluster.object(kind, namespace, object);
        if (found === undefined) {
          // A test says what it holds by values of the entry's name.
          if (scope.supplied?.hasCluster === false) return undefined;
          const missing = `the snapshot of the cluster holds no ConfigMap ${namespace}/${object}`;
          if (!scope.world.cluster.isComplete(kind)) throw new Unanswerable(missing, 'snapshot');
          throw new Fault(`failed to get configmap ${namespace}/${object} : ${missing}`);
        }
        const made: Record<string, JsonValue> = Object.create(null);
        for (const field of ['data', 'metadata'])
          made[field] = Object.hasOwn(found, field) ? (found[field] ?? null) : null;
        return { value: made as JsonObject, merge: true };
      } catch (error) {
        throw during(failed, error);
      }
    },
  };
}

function compileApiCall(
  compiling: Compiling,
  name: string,
  apiCall: NonNullable<ContextEntry['apiCall']>,
  path: JsonPath,
): EntryLoader {
  const { urlPath = '', service, method = 'GET', data = [], jmesPath = '', default: fallback } = apiCall;
  const { document } = compiling;
  if (urlPath !== '' && service !== undefined) {
    throw policyError(document, path, 'urlPath and service cannot stand together');
  }
  if (urlPath === '' && service === undefined) throw policyError(document, path, 'urlPath or service is required');
  const isOutside = service !== undefined || method === 'POST' || data.length > 0;
  if (isOutside && !compiling.isTest) {
    const what = service === undefined ? 'sends data to the API server' : 'asks a service over the network';
    throw policyError(
      document,
      path,
      `the context entry ${name} ${what}, which a gate does not do`,
      'POLICY_UNSUPPORTED',
      {
        mend: 'Keep the policy out of the folder, or have it read an object of the cluster snapshot.',
      },
    );
  }
  const urlOf = textAt(
    compiling,
    service?.url ?? urlPath,
    [...path, service === undefined ? 'urlPath' : 'service'],
    'the URL',
  );
  const query = jmesPath === '' ? undefined : compilePath(compiling, jmesPath, [...path, 'jmesPath']);
  return {
    name,
    load(scope) {
      // In a test without answers the entry is left out before its address is known: a value stands in for it.
      if (scope.supplied?.hasCluster === false && scope.supplied.response === undefined) return undefined;
      try {
        const body = fetchBody(scope, compiling, method, urlOf(scope), fallback);
        if (body === undefined) return undefined;
        if (query === undefined || body.isDefault) return { value: bounded(body.value, name), merge: true };
        return { value: bounded(query(scope).search(body.value, scope.view.ports), name), merge: true };
      } catch (error) {
        throw during(`failed to fetch data for APICall`, error);
      }
    },
  };
}

interface Body {
  readonly value: JsonValue;
  readonly isDefault: boolean;
}

function fetchBody(
  scope: Scope,
  { resources, namespace }: Compiling,
  method: 'GET' | 'POST',
  url: string,
  fallback: JsonValue | undefined,
): Body | undefined {
  const supplied: SuppliedResponse | undefined = scope.supplied?.response?.(method, url);
  if (supplied !== undefined) {
    if (supplied.status >= 200 && supplied.status < 300) return { value: supplied.body, isDefault: false };
    throw new Fault(`HTTP ${supplied.status} from ${url}`);
  }
  if (scope.supplied?.hasCluster === false) return undefined;
  const answer = answerApiCall(scope.world.cluster, resources, url, namespace);
  if (answer.kind === 'body') return { value: answer.value, isDefault: false };
  if (answer.kind === 'absent' && fallback !== undefined) return { value: fallback, isDefault: true };
  if (answer.kind === 'unknown') throw new Unanswerable(answer.message, answer.lacks);
  throw new Fault(answer.message);
}

function bounded(value: JsonValue, name: string): JsonValue {
  if (isLarger(value, maxData)) {
    throw new Fault(`context size limit exceeded: the context entry ${name} exceeds limit of ${maxData} bytes`);
  }
  return value;
}

/** Whether the JSON of a value is longer, by a count that stops there. */
function isLarger(value: JsonValue, limit: number): boolean {
  let left = limit;
  const count = (each: JsonValue): boolean => {
    if (typeof each === 'string') left -= each.length + 2;
    else if (Array.isArray(each)) {
      left -= each.length + 1;
      for (const item of each as readonly JsonValue[]) if (count(item)) return true;
    } else if (isObject(each)) {
      for (const key of Object.keys(each)) {
        left -= key.length + 4;
        if (count(each[key] as JsonValue)) return true;
      }
    } else left -= 4;
    return left < 0;
  };
  return count(value);
}

function compileGlobalReference(
  compiling: Compiling,
  name: string,
  reference: NonNullable<ContextEntry['globalReference']>,
  path: JsonPath,
): EntryLoader {
  const { document, isTest, namespace } = compiling;
  if (namespace !== '') throw policyError(document, path, 'globalReference is not allowed in namespaced policies');
  if (!isTest) {
    const message = `the context entry ${name} reads a GlobalContextEntry, which a gate has no source of`;
    throw policyError(document, path, message, 'POLICY_UNSUPPORTED', {
      mend: 'Keep the policy out of the folder, or have it read an object of the cluster snapshot.',
    });
  }
  const nameOf = textAt(compiling, reference.name, [...path, 'name'], 'the name');
  const jmesPath = reference.jmesPath ?? '';
  const query = jmesPath === '' ? undefined : compilePath(compiling, jmesPath, [...path, 'jmesPath']);
  return {
    name,
    load(scope) {
      const [entry = '', projection] = nameOf(scope).split('.');
      const found = scope.supplied?.globalContext(entry);
      if (found === undefined) return undefined;
      const projected = projection === undefined || !isObject(found) ? found : (found[projection] ?? null);
      return { value: query === undefined ? projected : query(scope).search(projected, scope.view.ports), merge: true };
    },
  };
}

function compileImageRegistry(compiling: Compiling, name: string, entry: ContextEntry, path: JsonPath): EntryLoader {
  const { document, isTest } = compiling;
  if (!isTest) {
    const message = `the context entry ${name} reads an image's data from its registry, which a gate does not do for a rule`;
    throw policyError(document, path, message, 'POLICY_UNSUPPORTED', {
      mend: 'Keep the policy out of the folder; whether images are signed is asked by spec.images.trust.',
    });
  }
  const { reference = '', jmesPath = '' } = entry.imageRegistry ?? {};
  textAt(compiling, reference, [...path, 'reference'], 'the reference');
  if (jmesPath !== '') compilePath(compiling, jmesPath, [...path, 'jmesPath']);
  // Kyverno's command loads nothing without a registry: values of the entry's name stand for it.
  return { name, load: () => undefined };
}
