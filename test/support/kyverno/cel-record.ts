/** Policies of policies.kyverno.io over objects, and what the real Kyverno said of them. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { PolicyDocument } from '../../../src/checks/policy/document.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import { parseDocuments } from '../../../src/manifests/parse.ts';
import { defaultManifestSettings } from '../../../src/manifests/settings.ts';

export const celRecords = resolve(import.meta.dirname, '../../checks/policy/kyverno/cel-policies/recorded');

/** By policy, kind and name of the object: `pod-auto Pod pod1` → `fail no latest`. */
export type CelVerdicts = Readonly<Record<string, string>>;

export function celVerdictKey(policy: string, kind: string, name: string): string {
  return `${policy} ${kind} ${name}`;
}

export function recordedDocuments(file: 'policies.yaml' | 'objects.yaml' | 'exceptions.yaml'): PolicyDocument[] {
  const bytes = readFileSync(join(celRecords, file));
  return parseDocuments({ file, bytes, marks: 'none' }, defaultManifestSettings).map(({ value }, document) => ({
    value: value as JsonObject,
    file,
    document,
    locate: (path) => `${file}#${document}/${path.join('/')}`,
  }));
}

export function recordedVerdicts(): CelVerdicts {
  return JSON.parse(readFileSync(join(celRecords, 'verdicts.json'), 'utf8')) as CelVerdicts;
}
