import { type JsonValue, objectFrom } from '../../../core/json.ts';
import type { Supplied, SuppliedResponse, SuppliedVariable } from '../supplied.ts';
import type { ContextFile, KyvernoTest, TestValues } from './settings.ts';

/** What a test supplies, whatever policy and object are judged. */
export interface TestData {
  readonly values: TestValues | undefined;
  readonly images: NonNullable<ContextFile['spec']['images']>;
  readonly responses: NonNullable<KyvernoTest['apiCallResponses']>;
  readonly hasCluster: boolean;
  /** By the name of the entry. */
  readonly globalContext: ReadonlyMap<string, JsonValue>;
}

/** A name of a value that cannot be read as a path. */
export class PathProblem extends Error {}

/**
 * What a test supplies to one policy about one object. `operation` is that of the row, where it names one: it counts
 * before any value.
 */
export function suppliedTo(data: TestData, policy: string, object: string, operation: string | undefined): Supplied {
  const values = valuesOf(data.values, policy, object);
  values.set('request.operation', operation ?? values.get('request.operation') ?? 'CREATE');
  const rules = (data.values?.policies ?? []).filter(({ name }) => name === policy).flatMap((each) => each.rules ?? []);
  return {
    variables: variablesOf(values),
    ruleVariables(name) {
      const rule = rules.find((each) =>
        [each.name, `autogen-${each.name}`, `autogen-cronjob-${each.name}`].includes(name),
      );
      // Kyverno never counts the elements of a foreach here: the first value serves all of them.
      const first = Object.entries(rule?.foreachValues ?? {}).map(([key, list]) => [key, list[0] ?? null] as const);
      return variablesOf([...Object.entries(rule?.values ?? {}), ...first]);
    },
    hasCluster: data.hasCluster,
    imageData(image) {
      const found = data.images.findLast((each) => each.image === image);
      if (found === undefined) return undefined;
      return objectFrom([
        ['resolvedImage', ''],
        ['registry', ''],
        ['repository', ''],
        ...Object.entries(found as Record<string, JsonValue>),
      ]);
    },
    response: data.responses.length === 0 ? undefined : (method, url) => responseIn(data.responses, method, url),
    globalContext: (name) => data.globalContext.get(name),
  };
}

function responseIn(responses: TestData['responses'], method: string, url: string): SuppliedResponse | undefined {
  const fits = (wanted: string) => (each: TestData['responses'][number]) =>
    (each.method ?? '') === wanted && (each.url || each.urlPath || '') === url;
  const found = responses.find(fits(method)) ?? responses.find(fits(''));
  return found && { status: found.response.statusCode || 200, body: found.response.body };
}

/** The values that are set before a rule is looked at: those for every policy, and over them those for this object. */
export function valuesOf(values: TestValues | undefined, policy: string, object: string): Map<string, JsonValue> {
  const found = new Map<string, JsonValue>(Object.entries(values?.globalValues ?? {}));
  for (const each of values?.policies ?? []) {
    if (each.name !== policy) continue;
    for (const resource of each.resources ?? []) {
      if (resource.name !== object) continue;
      for (const [key, value] of Object.entries(resource.values ?? {})) found.set(key, value);
    }
  }
  return found;
}

function variablesOf(values: Iterable<readonly [string, JsonValue]>): SuppliedVariable[] {
  return [...values].map(([name, value]) => ({ path: pathOf(name), value }));
}

/**
 * The steps of a dotted name, one of which may be quoted to hold a dot: `imageData."a.b"`. Throws PathProblem.
 */
export function pathOf(name: string): string[] {
  const steps: string[] = [];
  let at = 0;
  for (;;) {
    if (name[at] === '"') {
      let step = '';
      for (at += 1; ; at += 1) {
        const character = name[at];
        if (character === undefined)
          throw new PathProblem(`${JSON.stringify(name)} opens a quote and does not close it`);
        if (character === '"') {
          if (name[at + 1] !== '"') break;
          at += 1;
        }
        step += character;
      }
      at += 1;
      if (at < name.length && name[at] !== '.') {
        throw new PathProblem(`${JSON.stringify(name)} goes on behind a closing quote`);
      }
      steps.push(step);
    } else {
      const dot = name.indexOf('.', at);
      const step = name.slice(at, dot < 0 ? name.length : dot);
      if (step.includes('"')) throw new PathProblem(`${JSON.stringify(name)} has a quote inside of a step`);
      steps.push(step);
      at += step.length;
    }
    if (at >= name.length) return steps;
    at += 1;
  }
}
