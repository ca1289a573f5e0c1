import { setTimeout } from 'node:timers/promises';
import { createExec, createServe, findLaunchers, findProgram } from '../adapters/exec.ts';
import { createWorkspace, makeFolder, removeFolder } from '../adapters/workspace.ts';
import type { RootsStanding } from '../checks/images/policy/shelf.ts';
import type { Belongs } from '../checks/namespaces/check.ts';
import type { Policies, PolicyDescription } from '../checks/policy/dialect.ts';
import type { GateConfig } from '../config.ts';
import type { Decision, Finding } from '../core/decision.ts';
import type { Manifest } from '../core/manifest.ts';
import type { JudgedObject, RenderedText } from '../core/rendered.ts';
import { type GateStages, type Judged, judge, judgeObject, type ObjectStages } from '../gate.ts';
import type { AdmittedObject } from '../gates.ts';
import { admittedManifest } from '../manifests/admitted.ts';
import { emitManifests } from '../manifests/emit.ts';
import { parseDocuments, parseManifests } from '../manifests/parse.ts';
import { isClusterScoped, judgedObjects } from '../manifests/scope.ts';
import { defaultManifestSettings, type ManifestSettings } from '../manifests/settings.ts';
import type { RenderPorts } from '../render/context.ts';
import { render } from '../render/render.ts';
import type { RenderRequest } from '../render/request.ts';
import { openImages } from './images.ts';
import { atNamedPath, requirePolicyPaths, requireTrustPaths } from './named-paths.ts';
import { askSocketLazily, closeGraceMs, type Lifetime, systemClock, type World } from './world.ts';

/** How trust stands when it is loaded. */
interface TrustStanding {
  readonly warnings: readonly Finding[];
  readonly roots: RootsStanding;
}

/** A gate that is loaded and can judge, once or often. */
export interface OpenGate {
  judge(request: RenderRequest, format: 'json' | 'yaml', signal: AbortSignal, belongs?: Belongs): Promise<Judged>;
  /** Judges one object on its way into a cluster, as far as one object allows. Never throws. */
  judgeObject(admitted: AdmittedObject, signal: AbortSignal): Promise<Decision>;
  /** What is loaded. Throws what is wrong with the policies, or with trust. */
  describe(): Promise<readonly PolicyDescription[]>;
  /** Settles when policies and trust are loaded. Throws what is wrong with them. */
  loaded(): Promise<void>;
  /** What is known of the trust policies and roots that were loaded; it changes no verdict. */
  trust(): Promise<TrustStanding>;
  /** Ends children, closes connections and removes the private folder. Calling it again is harmless. */
  close(): Promise<void>;
}

/**
 * Opens the gate that a configuration describes. Policies and trust are loaded while the first source is rendered; what
 * is wrong with them is an answer of the verdict that needed them.
 */
export function openGate(
  config: GateConfig,
  world: World,
  signal: AbortSignal,
  lifetime: Lifetime = 'one verdict',
): OpenGate {
  const { spec, resolvePath } = config;
  const workspace = createWorkspace(world.temporaryFolder);
  let folders = 0;
  /** A folder of its own below the private one, which nobody else may enter. */
  const newFolder = () => makeFolder(workspace.path, String(++folders));
  const launchers = findLaunchers();
  const exec = createExec(launchers);
  const clock = systemClock;
  const searchPath = world.env['PATH'] ?? '';
  const renderPorts: Omit<RenderPorts, 'workspace'> = {
    exec,
    findProgram: (name) => findProgram(name, searchPath),
    env: world.env,
    resolvePath,
    download: async (wanted) => (await import('../adapters/download.ts')).download(wanted),
    setpriv: launchers.setpriv,
  };
  const loadedImages = async (settings: Exclude<typeof spec.images, 'unchecked'>) => {
    requireTrustPaths(config);
    return openImages(settings, config, { exec, world, newFolder, launchers, lifetime }, signal);
  };
  const images = spec.images === 'unchecked' ? undefined : settled(loadedImages(spec.images));

  const loadedPolicies = async (): Promise<Policies> => {
    if (spec.policies.length === 0) return noPolicies;
    requirePolicyPaths(config);
    const { loadPolicies } = await import('../checks/policy/load.ts');
    return loadPolicies(
      {
        paths: spec.policies.map(({ path }) => resolvePath(path)),
        rego: spec.rego,
        cluster: spec.cluster,
        evaluation: spec.evaluation,
        isClusterScoped: (group, kind) => isClusterScoped(group === '' ? 'v1' : `${group}/v1`, kind, spec.manifests),
        resolvePath,
      },
      {
        exec,
        clock,
        findProgram: (name) => findProgram(name, searchPath),
        makeFolder: newFolder,
        readDocuments: (file, bytes) => parseDocuments({ file, bytes, marks: 'none' }, defaultManifestSettings),
        images: images && (async () => (await images()).verification()),
        ...(lifetime === 'many verdicts' && {
          longLived: { serve: createServe(launchers), askSocket: askSocketLazily },
        }),
      },
      signal,
    );
  };
  const policies = settled(
    loadedPolicies().catch((error) => {
      throw atNamedPath(error, config);
    }),
  );
  const stages = (format: 'json' | 'yaml', belongs: Belongs | undefined): GateStages<RenderRequest> => ({
    belongs,
    render: async (request, stop) => {
      // A folder a verdict: what one source left must not be seen by the next. Plain files need none.
      let folder: string | undefined;
      const ports: RenderPorts = {
        ...renderPorts,
        get workspace() {
          folder ??= newFolder();
          return folder;
        },
      };
      try {
        return await render(request, spec.render, ports, stop);
      } finally {
        // What was rendered is in memory, and every program has ended.
        if (folder !== undefined) removeFolder(folder);
      }
    },
    parse: (texts, request) => objectsOf(texts, request, spec.manifests),
    checkImages:
      images === undefined
        ? undefined
        : async (manifests, stop) => {
            const { checkImages, deps } = await images();
            return checkImages(manifests, deps(), stop);
          },
    judged: (manifests, request) => judgedObjects(manifests, request.destinationNamespace || undefined, spec.manifests),
    checkPolicies: async (set, stop) => (await policies()).judge(set, stop),
    emit: (manifests) => emitManifests(manifests, format),
    allowEmpty: spec.render.allowEmpty,
  });

  // A digest that the gate wrote would be on no node: the object must say it itself, unless the platform says otherwise.
  const pin = spec.admission.unpinned === 'verify';
  const objectStages: ObjectStages = {
    checkImages:
      images === undefined
        ? undefined
        : async (manifests, stop) => {
            const { checkImages, deps } = await images();
            const run = deps();
            return checkImages(manifests, { ...run, settings: { ...run.settings, pin }, asStored: true }, stop);
          },
    checkPolicies: async (judged, stop) => (await policies()).judge([judged], stop, 'one object'),
  };

  return {
    judgeObject: (admitted, stop) => judgeObject(() => admittedObject(admitted), objectStages, stop),
    async describe() {
      const [{ described }] = await Promise.all([policies(), images?.()]);
      return described;
    },
    loaded: async () => {
      await Promise.all([policies(), images?.()]);
    },
    async trust() {
      const loaded = await images?.();
      return { warnings: loaded?.trust.warnings ?? [], roots: loaded?.roots ?? noRoots };
    },
    judge: (request, format, stop, belongs) => judge(request, stages(format, belongs), stop),
    async close() {
      const closed = Promise.allSettled([
        images?.().then(({ close }) => close()),
        policies().then((loaded) => loaded.dispose()),
      ]);
      // What ignored its signal must not hold the end back: children and folders go with the process.
      await Promise.race([closed, setTimeout(closeGraceMs)]);
      workspace.remove();
    },
  };
}

/** What the policies are shown of a request: the object that the API server would store, and what it replaces. */
function admittedObject({ object, oldObject, ...request }: AdmittedObject): JudgedObject {
  const manifest = admittedManifest(object, request);
  return { manifest, object, written: object, request, ...(oldObject !== undefined && { live: oldObject }) };
}

/** The objects of what was rendered; for Flux with everything done to them that Flux does between building and applying. */
async function objectsOf(
  texts: readonly RenderedText[],
  request: RenderRequest,
  settings: ManifestSettings,
): Promise<readonly Manifest[]> {
  if (request.tool !== 'flux') return parseManifests(texts, settings);
  const { postBuild, commonMetadata, helm } = request.flux;
  const { finishForFlux } = await import('../manifests/flux.ts');
  const substitution = postBuild && { variables: postBuild.variables, always: postBuild.strategy === 'Always' };
  const manifests = parseManifests(texts, settings, 'flux');
  return finishForFlux(manifests, { substitution, commonMetadata, releaseNamespace: helm?.namespace }, settings);
}

/** `policies: []` says that there are none: everything passes this check, and no engine is asked for. */
const noPolicies: Policies = {
  described: [],
  judge: async () => ({ outcome: { kind: 'completed', examined: 0, findings: [] }, engines: {}, notEvaluated: [] }),
  dispose: async () => {},
};

const noRoots: RootsStanding = { asOf: undefined, expires: undefined, isFetched: true };

/** A promise that is started now and asked for later; its failure waits for whoever asks. */
function settled<Value>(promise: Promise<Value>): () => Promise<Value> {
  promise.catch(() => {});
  return () => promise;
}
