import { posix } from 'node:path';
import { GateError } from '../core/errors.ts';
import { isObject, type JsonObject, type JsonValue, objectFrom } from '../core/json.ts';
import { OUTSIDE } from '../core/rendered.ts';
import type { SourceEntry } from '../core/source.ts';
import { copyFile, type PrivateCopy, withContent } from './copy.ts';
import { isRemoteFile, isRemoteFolder } from './git-address.ts';
import { Fields, foldName, invalid } from './kustomization-fields.ts';
import { type Folder, PLAIN_NAME, type Realm, readKustomization } from './kustomization-file.ts';
import { checkPlugin, PLUGIN_PATHS } from './kustomize-plugins.ts';
import type { Reading } from './reading.ts';
import { readYaml, writeJson, type YamlDocument } from './yaml.ts';

/** What the walk cannot do itself. */
export interface Outworld {
  /** Fetches a repository, or refuses; `where` names the file, line and field. */
  fetchFolder(text: string, where: string): Promise<{ realm: Realm; path: string }>;
  /** Fetches one file and answers with its bytes, or refuses. */
  fetchFile(url: string, where: string): Promise<Uint8Array>;
  /** Copies, or fetches, the chart of a `helmCharts` entry and answers with the entry as kustomize is to see it. */
  chart(entry: JsonObject, globals: JsonObject, at: Folder, where: string): Promise<JsonObject>;
}

/** A kustomization as it is to be, with what the entries are called that were put in. */
export interface Changed extends Pick<YamlDocument, 'called'> {
  readonly value: JsonObject;
}

/** A kustomization as the renderer is to see it, and where it stands in the copy. */
export interface Written {
  readonly path: string;
  readonly value: JsonObject;
}

// The fields of a kustomization that lead nowhere: they are handed on as they are.
const HARMLESS = new Set(
  `apiVersion kind metadata namePrefix nameSuffix namespace commonLabels labels commonAnnotations images imageTags
   replicas vars sortOptions generatorOptions buildMetadata`.split(/\s+/),
);
const PATCH_KEYS = ['path', 'patch', 'target', 'options'];
const GENERATOR_KEYS = ['name', 'namespace', 'behavior', 'literals', 'files', 'envs', 'env', 'options', 'type'];
/** A kustomization that gathers plugin configurations may only gather: patches could give them paths that nobody saw. */
const GATHERING = ['apiVersion', 'kind', 'metadata', 'resources', 'namespace', 'buildMetadata'];

/**
 * Walks a kustomization as kustomize would, copies what it reaches into the private copy, and refuses what leads out of
 * the source. Every kustomization and plugin configuration is written anew from what was read here, so the renderer
 * cannot read it differently; fields and spellings that are not known stop the walk.
 */
export class KustomizationWalk {
  readonly #copy: PrivateCopy;
  readonly #out: Outworld;
  readonly #reading: Reading;
  readonly #files: 'below' | 'anywhere';
  readonly #seen = new Set<string>();

  /**
   * With files `anywhere`, those that do not lie below a kustomization's folder but in the same tree are put there in the
   * copy: kustomize itself then need not be told to load what lies elsewhere, and stays the second to refuse it.
   */
  constructor(copy: PrivateCopy, out: Outworld, reading: Reading, files: 'below' | 'anywhere' = 'below') {
    this.#copy = copy;
    this.#out = out;
    this.#reading = reading;
    this.#files = files;
  }

  /**
   * Walks a folder's kustomization. `edited` is the text of the file where it was edited in the copy already, `change`
   * what is to be changed in it besides. Answers with what was written; undefined where it was walked before.
   */
  async visit(
    folder: Folder,
    edited?: string,
    change: (value: JsonObject) => Changed = (value) => ({ value }),
  ): Promise<Written | undefined> {
    const key = posix.join(folder.realm.prefix, folder.path);
    if (this.#seen.has(key)) return undefined;
    this.#seen.add(key);
    const file = await readKustomization(folder, this.#reading, edited);
    const document = { ...file.document, ...change(file.document.value) };
    return this.#write(file.path, document, folder);
  }

  /** Walks a folder that has no kustomization as if it had this one. */
  visitAs(folder: Folder, changed: Changed): Promise<Written> {
    this.#seen.add(posix.join(folder.realm.prefix, folder.path));
    const path = posix.join(folder.path, PLAIN_NAME);
    return this.#write(path, { ...changed, locate: () => `the kustomization of ${folder.path}` }, folder);
  }

  async #write(path: string, document: YamlDocument & { value: JsonObject }, folder: Folder): Promise<Written> {
    const value = await this.#kustomization(document, folder);
    const written = posix.join(folder.realm.prefix, path);
    this.#copy.writeChecked(written, writeJson(value));
    return { path: written, value };
  }

  async #kustomization(document: YamlDocument & { value: JsonObject }, at: Folder): Promise<JsonObject> {
    const entries: [string, JsonValue][] = [];
    for (const [field, value] of Object.entries(document.value)) {
      const fields = new Fields(document, [field]);
      entries.push([field, value === null ? null : await this.#field(field, value, document.value, at, fields)]);
    }
    return objectFrom(entries);
  }

  async #field(field: string, value: JsonValue, whole: JsonObject, at: Folder, in_: Fields): Promise<JsonValue> {
    if (HARMLESS.has(field)) return value;
    switch (field) {
      case 'resources':
      case 'bases':
        return in_.each(value, (entry, where) => this.#resource(entry, at, where));
      case 'components':
        return in_.each(value, (entry, where) => this.#folder(entry, at, where));
      case 'crds':
      case 'configurations':
        return in_.each(value, (entry, where) => this.#file(entry, at, where));
      case 'openapi':
        return in_.object(value, ['version', 'path'], ['path'], (entry, where) => this.#file(entry, at, where));
      case 'patches':
      case 'patchesJson6902':
        return in_.objects(value, PATCH_KEYS, ['path'], (entry, where) => this.#file(entry, at, where));
      case 'replacements': {
        const known = ['path', 'source', 'targets', 'sourceValue'];
        return in_.objects(value, known, ['path'], (entry, where) => this.#file(entry, at, where));
      }
      case 'patchesStrategicMerge':
        return in_.each(value, (entry, where) => this.#patch(entry, at, where));
      case 'configMapGenerator':
      case 'secretGenerator':
        return in_.objects(value, GENERATOR_KEYS, ['files', 'envs', 'env'], (entry, where, key) =>
          key === 'files' ? this.#keyedFile(entry, at, where) : this.#file(entry, at, where),
        );
      case 'generators':
      case 'transformers':
      case 'validators':
        return in_.each(value, (entry, where) => this.#plugin(entry, at, where));
      case 'helmGlobals':
        // Where helm keeps its plugins and caches is not the application's to say.
        return in_.without(value, ['configHome', 'chartHome'], 'configHome');
      case 'helmCharts': {
        const globals = isObject(whole['helmGlobals'] ?? null) ? (whole['helmGlobals'] as JsonObject) : {};
        return in_.charts(value, (entry, where) => this.#out.chart(entry, globals, at, where));
      }
      case 'helmChartInflationGenerator':
        throw invalid('helmChartInflationGenerator is an old form of helmCharts; write helmCharts', in_.where([]));
      default:
        throw invalid(`the field ${JSON.stringify(field)} is not one that syncgate knows`, in_.where([]));
    }
  }

  /** As `resources` are read: a file if there is one of that name, else a folder, else a repository. */
  async #resource(entry: string, at: Folder, where: string): Promise<string> {
    if (isRemoteFile(entry)) return this.#remote(entry, at, where);
    const found = await this.#find(entry, at, where);
    if (found?.kind === 'file') return this.#loaded(entry, found, at, where);
    return this.#folder(entry, at, where);
  }

  /** kustomize asks first whether a folder's name is a repository, even where the folder exists. */
  async #folder(entry: string, at: Folder, where: string): Promise<string> {
    const target = await this.#enter(entry, at, where);
    await this.visit(target.folder);
    return target.entry;
  }

  async #enter(entry: string, at: Folder, where: string): Promise<{ entry: string; folder: Folder }> {
    if (isRemoteFolder(entry)) {
      const { realm, path } = await this.#out.fetchFolder(entry, where);
      const here = posix.join(at.realm.prefix, at.path);
      return { entry: posix.relative(here, posix.join(realm.prefix, path)), folder: { realm, path } };
    }
    const found = await this.#find(entry, at, where);
    if (found === undefined) throw invalid(`${JSON.stringify(entry)} does not exist`, where);
    if (found.kind === 'file') throw invalid(`${JSON.stringify(entry)} is a file, and a folder is wanted`, where);
    this.#copy.link(at.realm.prefix, found);
    return { entry, folder: { realm: at.realm, path: found.path } };
  }

  /** A URL among `resources`: one file where it looks like one, else a repository. */
  async #remote(entry: string, at: Folder, where: string): Promise<string> {
    const [path = ''] = entry.split('?');
    const looksLikeFile = /\.(?:ya?ml|json)$/i.test(path) && !/\.git(?:\/|$)|[^:]\/\/|_git\//.test(path);
    return looksLikeFile ? this.#fetched(entry, at, where) : this.#folder(entry, at, where);
  }

  async #fetched(entry: string, at: Folder, where: string): Promise<string> {
    const bytes = await this.#out.fetchFile(entry, where);
    const name = entry.replace(/^\s*https?:\/+/i, '').replace(/[^A-Za-z0-9._/-]/g, '_');
    const path = posix.join('.fetched', posix.normalize(`/${name}`));
    this.#copy.writeChecked(posix.join(at.realm.prefix, at.path, path), bytes);
    return path;
  }

  /** A file that kustomize loads whole: below the kustomization's folder, which kustomize itself insists on. */
  async #file(entry: string, at: Folder, where: string): Promise<string> {
    if (entry === '') return entry;
    if (isRemoteFile(entry)) return this.#fetched(entry, at, where);
    const found = await this.#find(entry, at, where);
    if (found === undefined) throw invalid(`${JSON.stringify(entry)} does not exist`, where);
    if (found.kind === 'folder') throw invalid(`${JSON.stringify(entry)} is a folder, and a file is wanted`, where);
    return this.#loaded(entry, found, at, where);
  }

  /** Copies a file, and answers with the path by which kustomize is to load it. */
  async #loaded(entry: string, found: SourceEntry, at: Folder, where: string): Promise<string> {
    const { tree, prefix } = at.realm;
    const path = this.#moved(found, at, where);
    if (path === undefined) {
      await this.#reading.step(copyFile(this.#copy, tree, found, prefix));
      return entry;
    }
    const moved = posix.join(prefix, at.path, path);
    if (!this.#copy.has(moved)) {
      const bytes = withContent(tree.read(found.path), found.path);
      this.#copy.writeRaw(moved, bytes);
      await this.#reading.step(bytes.length);
    }
    return path;
  }

  /**
   * Where below the folder a file is put that lies elsewhere; undefined where it stays in its place. In what was fetched
   * nothing is moved: even as Flux runs it, kustomize loads nothing from a clone that lies beside the folder.
   */
  #moved(found: SourceEntry, at: Folder, where: string): string | undefined {
    if (this.#files === 'below' || at.realm.prefix !== '.' || at.path === '.' || found.path.startsWith(`${at.path}/`))
      return undefined;
    if (at.realm.tree.find(posix.join(at.path, OUTSIDE)) !== undefined) {
      throw invalid(`the source may not have a ${OUTSIDE} of its own`, where);
    }
    return posix.join(OUTSIDE, found.path);
  }

  /** `[key=]path`, as in `files` of a generator. */
  async #keyedFile(entry: string, at: Folder, where: string): Promise<string> {
    const split = entry.indexOf('=');
    const path = await this.#file(entry.slice(split + 1), at, where);
    if (split >= 0) return `${entry.slice(0, split)}=${path}`;
    return path === entry ? entry : `${posix.basename(entry)}=${path}`;
  }

  /** An old strategic merge patch is either the patch itself or the name of its file; kustomize tries them in this order. */
  async #patch(entry: string, at: Folder, where: string): Promise<string> {
    if (await this.#isInline(entry)) return entry;
    return this.#file(entry, at, where);
  }

  /** Whether kustomize would read the entry itself as YAML objects, and not as a name. */
  async #isInline(entry: string): Promise<boolean> {
    if (!/[\n{:]/.test(entry) || isRemoteFile(entry)) return false;
    await this.#reading.step(entry.length);
    try {
      const documents = readYaml(entry, 'inline', 'RENDER_KUSTOMIZATION', this.#reading);
      return documents.some((document) => isObject(document.value));
    } catch (thrown) {
      if (thrown instanceof GateError && thrown.code === 'SOURCE_TOO_LARGE') throw thrown;
      return false;
    }
  }

  #find(entry: string, at: Folder, where: string): Promise<SourceEntry | undefined> {
    return this.#reading.step().then(() => find(entry, at, where));
  }

  /** A plugin's configuration: inline, a file, or a folder whose kustomization gathers some. */
  async #plugin(entry: string, at: Folder, where: string): Promise<string> {
    if (await this.#isInline(entry)) return this.#configurations(entry, at, where);
    if (isRemoteFile(entry) || isRemoteFolder(entry)) {
      throw new GateError('RENDER_PROGRAM_REFUSED', `${where}: it takes a plugin's configuration from elsewhere`, {
        place: where,
      });
    }
    const found = await this.#find(entry, at, where);
    if (found === undefined) throw invalid(`${JSON.stringify(entry)} does not exist`, where);
    if (found.kind === 'file') {
      const text = at.realm.tree.read(found.path).toString('utf8');
      const checked = await this.#configurations(text, at, posix.join(at.realm.prefix, found.path));
      const path = this.#moved(found, at, where);
      if (path === undefined) this.#copy.link(at.realm.prefix, found);
      const own = path === undefined ? found.path : posix.join(at.path, path);
      this.#writeOnce(posix.join(at.realm.prefix, own), checked, where);
      return path ?? entry;
    }
    this.#copy.link(at.realm.prefix, found);
    await this.#gather({ realm: at.realm, path: found.path }, at, where);
    return entry;
  }

  async #gather(folder: Folder, user: Folder, where: string): Promise<void> {
    const { document, path } = await readKustomization(folder, this.#reading);
    const odd = Object.keys(document.value).find((key) => !GATHERING.includes(key));
    if (odd !== undefined) {
      throw invalid(
        `it gathers plugin configurations, so it may not have ${JSON.stringify(odd)}`,
        document.locate([odd]),
      );
    }
    const fields = new Fields(document, ['resources']);
    await fields.each(document.value['resources'] ?? [], async (entry, at) => {
      const found = isRemoteFolder(entry) ? undefined : await this.#find(entry, folder, at);
      if (found === undefined) throw invalid(`${JSON.stringify(entry)} does not exist here`, at);
      this.#copy.link(folder.realm.prefix, found);
      if (found.kind === 'folder') await this.#gather({ realm: folder.realm, path: found.path }, user, where);
      else {
        const text = folder.realm.tree.read(found.path).toString('utf8');
        const place = posix.join(folder.realm.prefix, found.path);
        this.#writeOnce(place, await this.#configurations(text, user, place), at);
      }
      return entry;
    });
    this.#writeOnce(posix.join(folder.realm.prefix, path), writeJson(document.value), where);
  }

  async #configurations(text: string, at: Folder, where: string): Promise<string> {
    const checked: string[] = [];
    await this.#reading.step(text.length);
    for (const document of readYaml(text, where, 'RENDER_KUSTOMIZATION', this.#reading)) {
      await this.#reading.step();
      const configuration = checkPlugin(document.value, where);
      const fields = new Fields(document, []);
      const paths = PLUGIN_PATHS[configuration.kind] ?? [];
      let value = configuration.value;
      if (configuration.kind === 'HelmChartInflationGenerator') {
        value = await this.#out.chart(value, value, at, where);
      } else if (configuration.kind === 'ReplacementTransformer') {
        const odd = Object.keys(value).find((key) => key !== 'replacements' && foldName(key) === 'replacements');
        if (odd !== undefined) throw invalid(`${JSON.stringify(odd)} is misspelt`, fields.where([odd]));
        const list = new Fields(document, ['replacements']);
        const load = (entry: string, place: string) => this.#file(entry, at, place);
        const replacements = await list.objects(value['replacements'] ?? [], undefined, ['path'], load);
        value = objectFrom([...Object.entries(value), ['replacements', replacements]]);
      } else if (paths.length > 0) {
        value = (await fields.object(value, undefined, paths, (entry, place, key) => {
          if (key === 'files') return this.#keyedFile(entry, at, place);
          return key === 'paths' ? this.#patch(entry, at, place) : this.#file(entry, at, place);
        })) as JsonObject;
      }
      checked.push(writeJson(value));
    }
    return checked.join('\n---\n');
  }

  /** A file that is a resource here and a plugin's configuration there would be one text with two readers. */
  #writeOnce(path: string, text: string, where: string): void {
    this.#copy.writeChecked(path, text);
    if (!this.#copy.isChecked(path, text)) throw invalid(`${path} is used in two different ways`, where);
  }
}

function find(entry: string, at: Folder, where: string) {
  if (entry.startsWith('/')) {
    throw new GateError('SOURCE_OUTSIDE', `${where}: it names an absolute path`, { place: where });
  }
  try {
    return at.realm.tree.find(posix.join(at.path, entry));
  } catch (error) {
    if (error instanceof GateError && error.code === 'SOURCE_OUTSIDE') {
      throw new GateError('SOURCE_OUTSIDE', `${where}: ${error.message}`, { place: where, cause: error });
    }
    throw error;
  }
}
