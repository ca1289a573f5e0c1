import * as z from 'zod/mini';
import { isObject, type JsonValue } from '../../../../core/json.ts';
import { type PolicyDocument, validateDocument } from '../../document.ts';
import type { CompiledPolicy } from '../../rule.ts';
import { annotationsOf } from './description.ts';
import { Metadata } from './schema.ts';

/** Kinds that change, make or remove objects. They give no verdict, so they are listed and never asked. */
const purposes = {
  MutatingPolicy: 'mutate',
  NamespacedMutatingPolicy: 'mutate',
  GeneratingPolicy: 'generate',
  NamespacedGeneratingPolicy: 'generate',
  DeletingPolicy: 'delete',
  NamespacedDeletingPolicy: 'delete',
} as const;

export const UNJUDGED_KINDS: readonly string[] = Object.keys(purposes);

const Schema = z.strictObject({
  apiVersion: z.enum(['policies.kyverno.io/v1', 'policies.kyverno.io/v1beta1', 'policies.kyverno.io/v1alpha1']),
  kind: z.enum(Object.keys(purposes) as (keyof typeof purposes)[]),
  metadata: Metadata,
  spec: z.looseObject({}),
  status: z.optional(z.unknown()),
});

/** A policy that gives no verdict, as a policy that says so. Throws POLICY_INVALID for what has no spec. */
export function listUnjudged(document: PolicyDocument): CompiledPolicy {
  const { apiVersion, kind, metadata, spec } = validateDocument(Schema, document);
  const namespace = kind.startsWith('Namespaced') ? (metadata.namespace ?? 'default') : '';
  const resources = resourcesOf(spec['matchConstraints'] as JsonValue | undefined);
  return {
    identity: { apiVersion, kind, namespace, name: metadata.name },
    source: document.locate(['metadata', 'name']),
    ...annotationsOf(metadata.annotations),
    rules: [{ name: '', matches: resources.join(', '), action: 'audit', notEvaluated: purposes[kind] }],
    warnings: [],
    concerns: () => false,
    judge: () => [],
  };
}

function resourcesOf(constraints: JsonValue | undefined): string[] {
  const rules =
    isObject(constraints) && Array.isArray(constraints['resourceRules']) ? constraints['resourceRules'] : [];
  const names = rules.flatMap((rule: JsonValue) => {
    const resources = isObject(rule) ? rule['resources'] : undefined;
    return Array.isArray(resources) ? resources.filter((each: JsonValue) => typeof each === 'string') : [];
  });
  return [...new Set<string>(names)];
}
