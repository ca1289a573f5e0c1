import { type JsonObject, type JsonValue, objectFrom } from '../../../core/json.ts';
import { describePlace } from '../../../core/manifest.ts';
import type { ReadDocument, ReadDocuments } from '../document.ts';
import { JmesError } from '../kyverno/jmespath/error.ts';
import { compileQuery } from '../kyverno/jmespath/query.ts';
import { invalidAt, readObjects } from './documents.ts';
import { namedFiles } from './files.ts';
import type { KyvernoTest } from './settings.ts';

/**
 * The data of the GlobalContextEntries that a test supplies: one root, an optional JMESPath into it, and optional
 * projections of what that finds. Throws TEST_INVALID for two roots, and for a query that is none or finds nothing.
 */
export function globalContextOf(
  file: string,
  document: ReadDocument,
  { globalContextEntries = [] }: KyvernoTest,
  read: ReadDocuments,
): ReadonlyMap<string, JsonValue> {
  const found = new Map<string, JsonValue>();
  for (const [i, entry] of globalContextEntries.entries()) {
    const path = ['globalContextEntries', i];
    const roots = [entry.data, entry.resources, entry.resourceFiles].filter((each) => each !== undefined);
    if (roots.length > 1) {
      throw invalidAt(document, path, 'data, resources and resourceFiles exclude one another');
    }
    if (found.has(entry.name)) throw invalidAt(document, path, `${JSON.stringify(entry.name)} is supplied twice`);
    const files = (entry.resourceFiles ?? []).flatMap((each) =>
      namedFiles(file, each, describePlace(document.locate(path)), false),
    );
    const listed = (entry.resources as readonly JsonObject[] | undefined) ?? [
      ...files.flatMap((each) => readObjects(each, read).map(({ value }) => value)),
    ];
    const search = (query: string, field: readonly (string | number)[], value: JsonValue): JsonValue => {
      try {
        return compileQuery(query).search(value, { now: 0, random: () => 0.5 });
      } catch (error) {
        if (!(error instanceof JmesError)) throw error;
        throw invalidAt(document, [...path, ...field], `${JSON.stringify(query)}: ${error.message}`);
      }
    };
    const data = entry.data ?? (roots.length > 0 ? listed : null);
    const root = entry.fieldPath ? search(entry.fieldPath, ['fieldPath'], data) : data;
    const projected = (entry.projections ?? []).map(
      (each, j) => [each.name, search(each.path, ['projections', j, 'path'], root)] as const,
    );
    found.set(entry.name, projected.length > 0 ? objectFrom(projected) : root);
  }
  return found;
}
