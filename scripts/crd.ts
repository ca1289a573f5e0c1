/** The CustomResourceDefinition of GatedSource, made of its schema: what the API server holds every object to. */
import { stringify } from 'yaml';
import * as z from 'zod/mini';
import { GATED_SOURCE, GatedSourceSpec, GatedSourceStatus } from '../src/surfaces/flux/gated-source.ts';

/** A node of a structural schema, as far as ours goes. */
export interface StructuralSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly properties?: Readonly<Record<string, StructuralSchema>>;
  readonly additionalProperties?: StructuralSchema;
  readonly items?: StructuralSchema;
  readonly required?: readonly string[];
  readonly [key: string]: unknown;
}

/** Keys of JSON schema that mean the same in a structural schema. */
const KEPT: ReadonlySet<string> = new Set([
  ...['type', 'description', 'default', 'enum', 'format', 'pattern', 'required'],
  ...['minLength', 'maxLength', 'maxItems', 'maxProperties', 'minimum', 'maximum'],
  ...['x-kubernetes-validations', 'x-kubernetes-list-type', 'x-kubernetes-list-map-keys'],
]);

/** Throws for what it does not know: a bound that was dropped silently would be a bound that nobody holds. */
function structural(schema: unknown, at: string): StructuralSchema {
  const node = schema as Record<string, unknown>;
  const made: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(node)) {
    // Keys of maps cannot be restricted; unknown fields are pruned, or refused by `--validate=strict` and by apply.
    const isDropped =
      key === '$schema' || key === 'propertyNames' || (key === 'additionalProperties' && value === false);
    const isSafeInteger =
      (key === 'minimum' || key === 'maximum') && Math.abs(value as number) === Number.MAX_SAFE_INTEGER;
    if (isDropped || isSafeInteger) continue;
    if (key === 'properties') made[key] = mapValues(value as object, (each, name) => structural(each, `${at}.${name}`));
    else if (key === 'items') made[key] = structural(value, `${at}[]`);
    else if (key === 'additionalProperties') made[key] = structural(value, `${at}{}`);
    else if (KEPT.has(key)) made[key] = value;
    else throw new Error(`${at}: ${key} has no place in a structural schema`);
  }
  if (made['type'] === 'integer') made['format'] = 'int64';
  const isLoose =
    made['additionalProperties'] !== undefined && Object.keys(made['additionalProperties'] as object).length === 0;
  if (!isLoose) return made;
  const { properties: _, additionalProperties: __, ...rest } = made;
  return { ...rest, 'x-kubernetes-preserve-unknown-fields': true };
}

function mapValues<Value>(object: object, change: (value: unknown, key: string) => Value): Record<string, Value> {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value, key)]));
}

/** The schema of the spec, and of the status. */
export function gatedSourceSchema(): { readonly spec: StructuralSchema; readonly status: StructuralSchema } {
  return {
    spec: structural(z.toJSONSchema(GatedSourceSpec, { io: 'input' }), 'spec'),
    status: structural(z.toJSONSchema(GatedSourceStatus, { io: 'input' }), 'status'),
  };
}

const condition = (field: string, type = 'Ready') => `.status.conditions[?(@.type=="${type}")].${field}`;
const COLUMNS = [
  {
    name: 'Ready',
    type: 'string',
    jsonPath: condition('status'),
    description: 'Whether the newest revision was let out.',
  },
  { name: 'Reason', type: 'string', jsonPath: condition('reason'), description: 'Why it is so, in a word.' },
  { name: 'Gate', type: 'string', jsonPath: '.status.gate', description: 'The Gate that judged.' },
  { name: 'Accepted', type: 'string', jsonPath: '.status.lastAcceptedRevision', description: 'What was let out last.' },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'How long it has existed.' },
  {
    name: 'Attempted',
    type: 'string',
    jsonPath: '.status.lastAttemptedRevision',
    description: 'What was judged last.',
    priority: 1,
  },
  {
    name: 'Compliant',
    type: 'string',
    jsonPath: condition('status', 'Compliant'),
    description: 'Whether what is served passes the rules that hold now.',
    priority: 1,
  },
  {
    name: 'Suspended',
    type: 'boolean',
    jsonPath: '.spec.suspend',
    description: 'Whether nothing is done.',
    priority: 1,
  },
  { name: 'Status', type: 'string', jsonPath: condition('message'), description: 'Why it is so.', priority: 1 },
];

export function gatedSourceDefinition() {
  const { group, version, kind, plural } = GATED_SOURCE;
  const { spec, status } = gatedSourceSchema();
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${plural}.${group}`,
      labels: { 'app.kubernetes.io/name': 'syncgate', 'app.kubernetes.io/part-of': 'syncgate' },
      // Where Flux installs this file with variables of its own, patterns of the schema stay as they are.
      annotations: { 'kustomize.toolkit.fluxcd.io/substitute': 'disabled' },
    },
    spec: {
      group,
      scope: 'Namespaced',
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        shortNames: ['gs'],
        categories: ['all', 'fluxcd', 'syncgate'],
      },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: COLUMNS,
          schema: {
            openAPIV3Schema: {
              description: 'A source of Flux that reaches the cluster only as far as a Gate lets it.',
              type: 'object',
              properties: {
                apiVersion: { type: 'string' },
                kind: { type: 'string' },
                metadata: { type: 'object' },
                spec,
                // What nobody has handled yet is not what kstatus calls current.
                status: { ...status, description: 'What became of it.', default: { observedGeneration: -1 } },
              },
              required: ['spec'],
              'x-kubernetes-validations': [
                {
                  rule: '!has(self.spec.helm) || has(self.spec.helm.releaseName) || size(self.metadata.name) <= 53',
                  message: 'the name is too long for a release; set spec.helm.releaseName',
                },
                {
                  rule: "self.spec.sourceRef.kind != 'ExternalArtifact' || has(self.spec.sourceRef.namespace) || self.spec.sourceRef.name != self.metadata.name",
                  message: 'reads the very ExternalArtifact that it writes; give it another name',
                },
              ],
            },
          },
        },
      ],
    },
  };
}

/** `flux/base/crd.yaml`. */
export function definitionFile(): string {
  const text = stringify(gatedSourceDefinition(), { lineWidth: 0, aliasDuplicateObjects: false });
  return `# Made from src/surfaces/flux/gated-source.ts by \`npm run docs\`.\n${text}`;
}
