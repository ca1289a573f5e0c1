/**
 * `node scripts/kubernetes-defaults.ts`: makes the table of built-in types from the Go types of Kubernetes, and the
 * table of their defaults from what the kube-apiserver that tests run answers to dry-run creates.
 *
 * A default is what the server adds to every struct of a type that leaves the field out. What it adds to some of them
 * only must be code (`dependent-defaults.ts`); the script fails for any that is neither.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isObject, type JsonObject, type JsonValue } from '../src/core/json.ts';
import { findTool, tool } from '../test/support/tools/resolve.ts';

const folder = new URL('../src/checks/policy/kube/', import.meta.url);
const write = (name: string, text: string) => writeFileSync(fileURLToPath(new URL(name, folder)), text);

const types = JSON.parse(execFileSync(await tool('kubetypes'), { encoding: 'utf8', maxBuffer: 2 ** 26 })) as {
  readonly kinds: Record<string, string>;
  readonly types: Record<string, readonly string[]>;
};
write(
  'builtin-types.json',
  `{\n  "kinds": {\n${lines(types.kinds)}\n  },\n  "types": {\n${lines(
    Object.fromEntries(Object.entries(types.types).map(([name, fields]) => [name, fields.join(', ')])),
  )}\n  }\n}\n`,
);

const { fieldsOf, typeOfKind } = await import('../src/checks/policy/kube/builtin-types.ts');
const { DEPENDENT_FIELDS } = await import('../src/checks/policy/kube/dependent-defaults.ts');
const { sampleObjects, startPolicyServer } = await import('../test/support/kubernetes/server.ts');
type FieldType = import('../src/checks/policy/kube/builtin-types.ts').FieldType;

/** By type and field, by kind of the whole object: every value that the server put where the sample had none. */
const seen = new Map<string, Map<string, Set<string>>>();
const NOTHING = 'nothing';

await using server = await startPolicyServer();
for (const sample of sampleObjects()) {
  const { status, body } = await server.create(sample, { dryRun: true });
  if (status !== 201) throw new Error(`the server refuses a sample: ${String(body['message'])}`);
  const kind = `${String(sample['apiVersion'])}/${String(sample['kind'])}`;
  const struct = typeOfKind(String(sample['apiVersion']), String(sample['kind']));
  if (struct === undefined) throw new Error(`${kind} is not among the types`);
  compare(struct, sample, body, kind, true);
}

const everywhere: Record<string, Record<string, JsonValue>> = {};
const byKind: Record<string, Record<string, Record<string, JsonValue>>> = {};
const unexplained: string[] = [];
for (const [field, kinds] of [...seen].sort(([a], [b]) => (a < b ? -1 : 1))) {
  const dot = field.lastIndexOf('.');
  const [struct, name] = [field.slice(0, dot), field.slice(dot + 1)];
  const all = new Set([...kinds.values()].flatMap((values) => [...values]));
  const [only] = all;
  if (all.size === 1 && !struct.startsWith('(whole)')) {
    if (only !== NOTHING) put(everywhere, struct, name, only as string);
    continue;
  }
  for (const [kind, values] of [...kinds].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const [value] = values;
    if (values.size > 1) unexplained.push(`${field} in ${kind}: ${[...values].join(' or ')}`);
    else if (value !== NOTHING) {
      byKind[kind] = put(byKind[kind] ?? {}, struct.replace('(whole) ', ''), name, value as string);
    }
  }
}
if (unexplained.length > 0) throw new Error(`defaults that depend on something:\n${unexplained.join('\n')}`);

write(
  'defaults.json',
  `{\n  "kubernetes": ${JSON.stringify(findTool('kube-apiserver').version)},\n  "types": {\n${lines(everywhere)}\n  },\n  "kinds": {\n${lines(
    byKind,
  )}\n  }\n}\n`,
);
process.exit(0);

function put(
  table: Record<string, Record<string, JsonValue>>,
  struct: string,
  name: string,
  json: string,
): Record<string, Record<string, JsonValue>> {
  table[struct] = { ...table[struct], [name]: JSON.parse(json) as JsonValue };
  return table;
}

function compare(struct: string, sent: JsonValue, got: JsonValue, kind: string, isWhole = false): void {
  if (!isObject(sent) || !isObject(got)) return;
  for (const { name, type } of fieldsOf(struct)) {
    if (name === 'metadata' && isWhole) {
      compareMetadata(sent['metadata'], got['metadata'] as JsonObject, kind);
      continue;
    }
    const given = Object.hasOwn(sent, name) ? (sent[name] as JsonValue) : null;
    const answered = Object.hasOwn(got, name) ? (got[name] as JsonValue) : null;
    if (type.kind === 'struct') compare(type.name, given ?? {}, answered, kind);
    else if (DEPENDENT_FIELDS.has(`${struct}.${name}`) && isZero(type, given)) continue;
    else if (isZero(type, given)) note(`${struct}.${name}`, kind, added(type, answered, kind));
    else compareInside(type, given, answered, kind);
  }
}

function compareInside(type: FieldType, given: JsonValue, answered: JsonValue, kind: string): void {
  if (type.kind === 'pointer') compareInside(type.to, given, answered, kind);
  else if (type.kind === 'struct') compare(type.name, given, answered, kind);
  else if (type.kind === 'list' && Array.isArray(given) && Array.isArray(answered)) {
    given.forEach((item, index) => {
      compareInside(type.item, item, answered[index] ?? null, kind);
    });
  } else if (type.kind === 'map' && isObject(given) && isObject(answered)) {
    for (const key of Object.keys(given)) compareInside(type.value, given[key] ?? null, answered[key] ?? null, kind);
  }
}

/** Of an object's own metadata: what the server adds for its kind. */
function compareMetadata(given: JsonValue | undefined, answered: JsonObject, kind: string): void {
  for (const name of ['generation', 'finalizers']) {
    if (isObject(given) && given[name] !== undefined) continue;
    note(`(whole) metadata.${name}`, kind, answered[name] ?? undefined);
  }
}

/** What stands where nothing was sent; a struct that was made is an empty one, with the defaults of its own type. */
function added(type: FieldType, answered: JsonValue, kind: string): JsonValue | undefined {
  if (isZero(type, answered) || answered === null) return undefined;
  if (type.kind === 'pointer' && type.to.kind === 'struct') {
    compare(type.to.name, {}, answered, kind);
    return {};
  }
  return answered;
}

function isZero(type: FieldType, value: JsonValue): boolean {
  if (value === null) return true;
  if (type.kind === 'string') return value === '';
  if (type.kind === 'bool') return value === false;
  if (type.kind === 'integer') return value === 0;
  return type.kind === 'list' && Array.isArray(value) && value.length === 0;
}

function note(field: string, kind: string, value: JsonValue | undefined): void {
  const kinds = seen.get(field) ?? new Map<string, Set<string>>();
  seen.set(field, kinds);
  const values = kinds.get(kind) ?? new Set<string>();
  kinds.set(kind, values);
  values.add(value === undefined ? NOTHING : JSON.stringify(value));
}

/** One line an entry, in the order of the names. */
function lines(entries: Readonly<Record<string, JsonValue>>): string {
  return Object.keys(entries)
    .sort()
    .map((name) => `    ${JSON.stringify(name)}: ${JSON.stringify(entries[name]).replaceAll('":', '": ')}`)
    .join(',\n');
}
