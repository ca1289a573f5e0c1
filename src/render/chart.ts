import { posix } from 'node:path';
import { GateError } from '../core/errors.ts';
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts';
import type { SourceEntry, SourceTree } from '../core/source.ts';
import { readArchive } from './archive.ts';
import { copyFolder, type PrivateCopy } from './copy.ts';
import { foldName } from './kustomization-fields.ts';
import type { Reading } from './reading.ts';
import { readYamlObject } from './yaml.ts';

/** One entry of `dependencies` in Chart.yaml, requirements.yaml or a lock file. */
export interface ChartDependency {
  readonly name: string;
  readonly repository: string;
  /** `file:line` of the entry. */
  readonly where: string;
}

/**
 * Copies a chart's folder. Every values.schema.json in it, in its subcharts and in their archives is looked at first:
 * helm loads what a schema refers to, from the network and from any file of the machine.
 */
export async function copyChart(
  copy: PrivateCopy,
  tree: SourceTree,
  entry: SourceEntry,
  prefix: string,
  schemas: boolean,
  reading: Reading,
): Promise<void> {
  const look = new SchemaSearch(reading);
  await copyFolder(copy, tree, entry, prefix, reading, schemas ? (path, bytes) => look.at(path, bytes) : undefined);
}

const MIB = 1024 * 1024;
/** How much the archives of one chart may unpack to, all together and however they are nested. */
const MAX_UNPACKED_BYTES = 256 * MIB;
/** The largest schemas that charts carry have some hundred kilobytes. */
const MAX_SCHEMA_BYTES = 4 * MIB;
const MAX_SCHEMAS_BYTES = 16 * MIB;

/** Refuses schemas of one chart that refer to other documents, in files or inside archives of subcharts. */
export class SchemaSearch {
  readonly #reading: Reading;
  readonly #unpacking = { left: MAX_UNPACKED_BYTES };
  #schemaBytes = 0;

  constructor(reading: Reading) {
    this.#reading = reading;
  }

  async at(path: string, bytes: Buffer, depth = 0): Promise<void> {
    // helm takes a name with backslashes apart too, and cleans it.
    const name = posix.basename(posix.normalize(path.replaceAll('\\', '/')));
    if (name === 'values.schema.json') await this.#schema(path, bytes);
    else if (/\.(?:tgz|tar\.gz)$/.test(name)) {
      if (depth > 4) throw new GateError('RENDER_CHART', `${path}: archives are nested too deep`, { place: path });
      for (const file of await readArchive(bytes, path, this.#unpacking, this.#reading)) {
        await this.at(`${path}:${file.name}`, file.bytes, depth + 1);
      }
    }
  }

  async #schema(path: string, bytes: Buffer): Promise<void> {
    this.#schemaBytes += bytes.length;
    if (bytes.length > MAX_SCHEMA_BYTES)
      throw this.#reading.tooMuch(path, `it has more than ${MAX_SCHEMA_BYTES} bytes`);
    if (this.#schemaBytes > MAX_SCHEMAS_BYTES) {
      throw this.#reading.tooMuch(path, `the schemas of the chart have more than ${MAX_SCHEMAS_BYTES} bytes together`);
    }
    await this.#reading.step(bytes.length);
    checkSchema(bytes, path);
  }
}

const REFERENCES = ['$ref', '$dynamicRef', '$recursiveRef'];
/** The metaschemas that helm's library carries with it, so that naming one fetches nothing. */
const METASCHEMA =
  /^https?:\/\/json-schema\.org\/(?:draft-0[467]\/schema|draft\/20(?:19-09|20-12)\/(?:schema|meta\/[a-z-]+))#?$/;

function checkSchema(bytes: Buffer, path: string): void {
  let schema: unknown;
  try {
    schema = JSON.parse(bytes.toString('utf8').replace(/^\uFEFF/, ''));
  } catch (error) {
    throw new GateError('RENDER_CHART', `${path} is not JSON`, { place: path, cause: error });
  }
  const ahead: unknown[] = [schema];
  while (ahead.length > 0) {
    const at = ahead.pop();
    if (Array.isArray(at)) for (const item of at) ahead.push(item);
    else if (typeof at === 'object' && at !== null) {
      for (const [key, value] of Object.entries(at)) {
        if (typeof value === 'string') checkReference(key, value, path);
        else ahead.push(value);
      }
    }
  }
}

function checkReference(key: string, value: string, path: string): void {
  const leads = REFERENCES.includes(key) ? !value.startsWith('#') : key === '$schema';
  if (!leads || METASCHEMA.test(value)) return;
  throw new GateError(
    'RENDER_REMOTE_REFUSED',
    `${path}: it refers to ${JSON.stringify(value.slice(0, 200))} (${key}), which helm would load`,
    {
      place: path,
      mend: 'Put what it refers to into the schema itself, or skip schema validation (helm-skip-schema-validation).',
    },
  );
}

/** What a chart says of itself, and on what it depends. */
export interface ChartFiles {
  /** The steering files as they were read, to be written anew before helm fetches by them. */
  readonly files: readonly { readonly path: string; readonly value: JsonObject }[];
  readonly dependencies: readonly ChartDependency[];
}

/**
 * Reads Chart.yaml, requirements.yaml and the lock files of a chart. A lock file names repositories of its own, and helm
 * goes by those. Throws RENDER_CHART where Chart.yaml is missing or malformed.
 */
export async function readChart(tree: SourceTree, folder: string, reading: Reading): Promise<ChartFiles> {
  const files: { path: string; value: JsonObject }[] = [];
  const dependencies: ChartDependency[] = [];
  for (const name of ['Chart.yaml', 'requirements.yaml', 'Chart.lock', 'requirements.lock']) {
    const path = posix.join(folder, name);
    const entry = tree.find(path);
    if (entry?.kind !== 'file') {
      if (name === 'Chart.yaml')
        throw new GateError('RENDER_CHART', `${posix.join(folder, 'Chart.yaml')} does not exist`, { place: path });
      continue;
    }
    const text = tree.read(entry.path).toString('utf8');
    await reading.step(text.length);
    const document = readYamlObject(text, path, 'RENDER_CHART', reading);
    files.push({ path: entry.path, value: document.value });
    checkSpelling(document.value, ['dependencies'], path);
    const list: JsonValue = document.value['dependencies'] ?? [];
    if (!Array.isArray(list))
      throw new GateError('RENDER_CHART', `${path}: dependencies is not a list`, { place: path });
    for (const [index, item] of list.entries()) {
      const where = document.locate(['dependencies', index]);
      if (!isObject(item))
        throw new GateError('RENDER_CHART', `${where}: a dependency is not a mapping`, { place: where });
      checkSpelling(item, ['name', 'repository', 'version', 'alias'], where);
      const { name: dependency, repository } = item;
      if (typeof dependency !== 'string')
        throw new GateError('RENDER_CHART', `${where}: a dependency has no name`, { place: where });
      if (repository !== undefined && repository !== null && typeof repository !== 'string') {
        throw new GateError('RENDER_CHART', `${where}: the repository of ${dependency} is not a text`, {
          place: where,
        });
      }
      dependencies.push({ name: dependency, repository: repository ?? '', where });
    }
  }
  return { files, dependencies };
}

/** Go reads field names whatever their case; what is looked at here must be what helm sees. */
function checkSpelling(value: JsonObject, names: readonly string[], where: string): void {
  const folded = names.map(foldName);
  const odd = Object.keys(value).find((key) => !names.includes(key) && folded.includes(foldName(key)));
  if (odd !== undefined)
    throw new GateError('RENDER_CHART', `${where}: ${JSON.stringify(odd)} is misspelt`, { place: where });
}
