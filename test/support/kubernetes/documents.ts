import { parseAllDocuments } from 'yaml';
import type { PolicyDocument } from '../../../src/checks/policy/document.ts';
import type { JsonObject } from '../../../src/core/json.ts';

/** The objects of a text of YAML documents that the tests wrote themselves. */
export function readDocuments(text: string): readonly JsonObject[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as JsonObject | null)
    .filter((object) => object !== null);
}

/** An object as a policy that was read from a file; places are told by the path alone. */
export function policyDocument(value: JsonObject): PolicyDocument {
  return { value, file: 'policy.yaml', document: 0, locate: (path) => `policy.yaml:${path.join('.')}` };
}
