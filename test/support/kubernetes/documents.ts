import { parseAllDocuments } from 'yaml';
import type { JsonObject } from '../../../src/core/json.ts';

/** The objects of a text of YAML documents that the tests wrote themselves. */
export function readDocuments(text: string): readonly JsonObject[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as JsonObject | null)
    .filter((object) => object !== null);
}
