import { posix } from 'node:path';
import { GateError } from '../../../core/errors.ts';
import { isObject, type JsonObject, type JsonPath, type JsonValue, objectFrom } from '../../../core/json.ts';
import { describePlace } from '../../../core/manifest.ts';
import type { PolicyDocument, ReadDocument, ReadDocuments } from '../document.ts';
import type { UserInfo } from '../kube/request.ts';
import { createResourceTable, type ResourceTable } from '../kube/resources.ts';
import { clusterOf } from './cluster.ts';
import { fit, invalidAt, readAs, readFile, readObjects } from './documents.ts';
import { namedFiles, namedPath } from './files.ts';
import { globalContextOf } from './global-context.ts';
import { type TestedObject, testedObject, testedPayload } from './objects.ts';
import {
  ClusterResourceFile,
  ContextFile,
  KyvernoTest,
  type TestValues,
  UserInfoFile,
  ValuesFile,
} from './settings.ts';
import { PathProblem, pathOf, type TestData } from './supplied.ts';

/** A test with everything that it names, read and ready to be run. */
export interface LoadedTest {
  readonly file: string;
  readonly name: string;
  readonly settings: KyvernoTest;
  /** The place of each row. */
  readonly rowPlaces: readonly string[];
  readonly policies: readonly PolicyDocument[];
  readonly exceptions: readonly PolicyDocument[];
  readonly objects: readonly TestedObject[];
  readonly definitions: readonly JsonObject[];
  readonly resources: ResourceTable;
  readonly cluster: ReturnType<typeof clusterOf>;
  readonly data: TestData;
  readonly userInfo: UserInfo | undefined;
}

export interface TestReader {
  readonly read: ReadDocuments;
  /** Whether a kind that no definition describes is known to have no namespace. */
  readonly isClusterScoped: (group: string, kind: string) => boolean;
}

/**
 * The tests of one file, each as it was read or with what is wrong with it: one that cannot be read leaves the others of
 * its file alone. Never throws for what stands in files.
 */
export function readTests(file: string, reader: TestReader): (LoadedTest | { readonly error: GateError })[] {
  try {
    return readFile(file, reader.read).map((document) => {
      try {
        return loadTest(file, document, reader);
      } catch (error) {
        if (error instanceof GateError) return { error };
        throw error;
      }
    });
  } catch (error) {
    if (error instanceof GateError) return [{ error }];
    throw error;
  }
}

function loadTest(file: string, document: ReadDocument, { read, isClusterScoped }: TestReader): LoadedTest {
  const settings = fit(KyvernoTest, document, 'the test');
  const at = (...path: JsonPath) => describePlace(document.locate(path));
  type Entries = 'policies' | 'resources' | 'exceptions' | 'paramResources' | 'clusterResources';
  const filesOf = (key: Entries, deep = false): string[] =>
    [...new Set(settings[key] ?? [])].flatMap((entry, i) => namedFiles(file, entry, at(key, i), deep));
  const objectsOf = (key: Entries, deep = false): PolicyDocument[] =>
    [...new Set(filesOf(key, deep))].flatMap((path) => readObjects(path, read));
  const oneFile = (key: 'variables' | 'userinfo' | 'context'): string | undefined =>
    settings[key] === undefined || settings[key] === '' ? undefined : namedPath(file, settings[key], at(key));

  const values = settings.values ?? valuesIn(oneFile('variables'), read);
  if (settings.values !== undefined && settings.variables !== undefined) {
    throw invalidAt(document, ['variables'], 'values stand in the test itself too, and this file would not be read');
  }
  checkValues(values, settings.values === undefined ? (settings.variables ?? file) : at('values'));
  const contextFile = oneFile('context');
  const context = contextFile === undefined ? undefined : readAs(ContextFile, contextFile, 'a context', read).spec;
  const clusterFiles = filesOf('clusterResources').map((path) => ({
    path,
    spec: readAs(ClusterResourceFile, path, 'a ClusterResource', read).spec,
  }));
  // The paths in it count from the test, as Kyverno takes them.
  const definitions = clusterFiles.flatMap(({ path, spec }) =>
    (spec.crds ?? [])
      .flatMap((entry) => namedFiles(file, entry, path, false))
      .flatMap((each) => readObjects(each, read)),
  );
  const resources = createResourceTable({
    definitions: definitions.map(({ value }) => value),
    isClusterScoped,
    guess: true,
  });
  const objects = [
    ...objectsOf('resources').map((each) => testedObject(each, resources)),
    ...payloadsIn(file, document, settings, read),
  ];
  const inCluster = clusterFiles.length === 0 ? [] : objects.map(({ object }) => object);
  return {
    file,
    name: nameOf(settings),
    settings,
    rowPlaces: (settings.results ?? []).map((_, i) => at('results', i)),
    policies: objectsOf('policies', true),
    exceptions: objectsOf('exceptions'),
    objects,
    definitions: definitions.map(({ value }) => value),
    resources,
    cluster: clusterOf([
      ...namespacesOf(values),
      ...((context?.resources ?? []) as JsonObject[]),
      ...objectsOf('paramResources').map(({ value }) => value),
      ...clusterFiles.flatMap(({ spec }) => (spec.resources ?? []) as JsonObject[]),
      ...definitions.map(({ value }) => value),
      ...inCluster,
    ]),
    data: {
      values,
      hasCluster: clusterFiles.length > 0,
      images: context?.images ?? [],
      responses: settings.apiCallResponses ?? [],
      globalContext: globalContextOf(file, document, settings, read),
    },
    userInfo: userInfoIn(oneFile('userinfo'), read),
  };
}

function payloadsIn(file: string, document: ReadDocument, settings: KyvernoTest, read: ReadDocuments): TestedObject[] {
  const { jsonPayload = '', jsonPayloads = jsonPayload === '' ? [] : [jsonPayload] } = settings;
  return [...new Set(jsonPayloads.map((entry) => posix.normalize(entry)))].map((entry, i) => {
    const place = describePlace(document.locate(['jsonPayloads', i]));
    const documents = readFile(namedPath(file, entry, place), read);
    const value = documents[0]?.value;
    if (documents.length === 1 && isObject(value)) return testedPayload(value, entry, place);
    throw new GateError('TEST_INVALID', `${place}: ${entry} is not one JSON object`, { place });
  });
}

function nameOf({ metadata, name }: KyvernoTest): string {
  const own = metadata?.['name'];
  return typeof own === 'string' ? own : (name ?? '');
}

function valuesIn(path: string | undefined, read: ReadDocuments): TestValues | undefined {
  return path === undefined ? undefined : readAs(ValuesFile, path, 'a file of values', read);
}

/** What would only be noticed in the middle of a run. */
function checkValues(values: TestValues | undefined, place: string): void {
  const names = [
    ...Object.keys(values?.globalValues ?? {}),
    ...(values?.policies ?? []).flatMap(({ resources = [], rules = [] }) => [
      ...resources.flatMap((each) => Object.keys(each.values ?? {})),
      ...rules.flatMap((each) => [...Object.keys(each.values ?? {}), ...Object.keys(each.foreachValues ?? {})]),
    ]),
  ];
  const invalid = (message: string) => new GateError('TEST_INVALID', `${place}: ${message}`, { place });
  for (const name of names) {
    try {
      pathOf(name);
    } catch (error) {
      if (error instanceof PathProblem) throw invalid(`the name of a value: ${error.message}`);
      throw error;
    }
  }
  const operation = values?.globalValues?.['request.operation'];
  if (typeof operation === 'string' && !['', 'CREATE', 'UPDATE', 'DELETE', 'CONNECT'].includes(operation)) {
    throw invalid(
      `request.operation is CREATE, UPDATE, DELETE or CONNECT, not ${JSON.stringify(operation.slice(0, 40))}`,
    );
  }
  for (const { subresource } of values?.subresources ?? []) {
    if (!/^[^/]+\/[^/]+$/.test(subresource.name ?? '')) {
      throw invalid('the name of a subresource is that of its parent, a slash and its own: "pods/eviction"');
    }
  }
}

/** The Namespaces that values describe. One that is written out whole counts before one that only has labels. */
function namespacesOf(values: TestValues | undefined): JsonObject[] {
  const whole = (values?.namespaces ?? []).map((each) => {
    const namespace = each as Record<string, JsonValue>;
    return objectFrom([...Object.entries(namespace), ['apiVersion', 'v1'], ['kind', 'Namespace']]);
  });
  const labelled = (values?.namespaceSelector ?? []).map(({ name, labels }) =>
    objectFrom([
      ['apiVersion', 'v1'],
      ['kind', 'Namespace'],
      [
        'metadata',
        objectFrom([['name', name], ...(labels ? [['labels', objectFrom(Object.entries(labels))] as const] : [])]),
      ],
    ]),
  );
  return [...whole, ...labelled];
}

function userInfoIn(path: string | undefined, read: ReadDocuments): UserInfo | undefined {
  if (path === undefined) return undefined;
  const { roles, clusterRoles, userInfo } = readAs(UserInfoFile, path, 'a UserInfo', read);
  return {
    username: userInfo?.username ?? '',
    uid: userInfo?.uid ?? '',
    groups: userInfo?.groups ?? [],
    extra: userInfo?.extra ?? {},
    roles: roles ?? [],
    clusterRoles: clusterRoles ?? [],
  };
}
