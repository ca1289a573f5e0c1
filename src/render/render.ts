import { rmSync } from 'node:fs';
import { bindDeadline, isOver, monotonicClock } from '../core/deadline.ts';
import { GateError } from '../core/errors.ts';
import type { Proxies } from '../core/ports.ts';
import type { RenderedText } from '../core/rendered.ts';
import type { SourceTree } from '../core/source.ts';
import { isInGit, openFolder } from '../source/folder.ts';
import { type CredentialStore, NO_CREDENTIALS, type RenderContext, type RenderPorts } from './context.ts';
import { createRoom } from './environment.ts';
import { Reading } from './reading.ts';
import type { RenderRequest, Tool } from './request.ts';
import type { RenderSettings } from './settings.ts';

/** What a renderer gave; nothing has parsed it yet. */
export interface Rendered {
  readonly texts: readonly RenderedText[];
  readonly tool: Tool | 'stdin';
  /** Names and versions of the programs that took part. */
  readonly engines: Readonly<Record<string, string>>;
}

const MIB = 1024 * 1024;

/**
 * Renders a source as Argo CD's repo-server would, or where the tool is `flux` as Flux's controllers. The source is not changed, nothing outside of it is read, nothing is
 * contacted that the settings do not list, and no process outlives the call. Throws GateErrors with the codes SOURCE_*,
 * RENDER_*, RENDERER_MISSING, PARAMETER_INVALID and WORKSPACE_*; RENDER_NOTHING where nothing came out and the settings
 * do not allow that.
 */
export async function render(
  request: RenderRequest,
  settings: RenderSettings,
  ports: RenderPorts,
  signal: AbortSignal,
): Promise<Rendered> {
  const { source } = request;
  const rendered =
    source.kind === 'stdin'
      ? ({
          texts: [{ file: source.name ?? '-', bytes: source.bytes, marks: 'none' }],
          tool: 'stdin',
          engines: {},
        } as const)
      : await renderFolder(request, source, settings, ports, signal);
  if (!settings.allowEmpty && rendered.texts.every((text) => isBlank(text.bytes)))
    throw nothing(request, rendered.tool);
  return rendered;
}

async function renderFolder(
  request: RenderRequest,
  source: Extract<RenderRequest['source'], { kind: 'folder' }>,
  settings: RenderSettings,
  ports: RenderPorts,
  signal: AbortSignal,
): Promise<Rendered> {
  const { limits } = settings;
  const tree = openFolder(source.root, {
    files: limits.sourceFiles,
    bytes: limits.sourceMiB * MIB,
    fileBytes: limits.fileMiB * MIB,
  });
  const folder = tree.find(source.path);
  if (folder?.kind !== 'folder') {
    const isNot = folder === undefined ? 'does not exist' : 'is not a folder';
    const what = `${source.path} ${isInGit(source.path) ? 'lies in .git, which is never read' : isNot}`;
    const field = request.called?.path;
    throw field === undefined
      ? new GateError('SOURCE_MISSING', what)
      : new GateError('SOURCE_MISSING', `${field}: ${what} in the source`, {
          place: field,
          mend: `Correct ${field}.`,
        });
  }
  const over = new AbortController();
  const end = monotonicClock.now() + limits.timeoutSeconds * 1000;
  const stop = AbortSignal.any([signal, over.signal, AbortSignal.timeout(limits.timeoutSeconds * 1000)]);
  bindDeadline(stop, () => isOver(signal) || monotonicClock.now() > end);
  const reading = new Reading(stop);
  const tool = request.tool === 'auto' ? detectTool(tree, folder.path) : request.tool;
  if (tool === 'directory') {
    const { readDirectory } = await import('./directory.ts');
    return { texts: await readDirectory(tree, folder.path, request.directory, reading), tool, engines: {} };
  }
  const credentials = await openCredentials(settings, ports);
  const room = createRoom(ports.workspace);
  const running = new Set<Promise<unknown>>();
  const context: RenderContext = {
    request,
    settings,
    ports,
    tree,
    path: folder.path,
    room,
    credentials,
    proxies: proxiesOf(settings, ports),
    engine: {
      exec: (wanted) => {
        const ended = ports.exec(wanted);
        running.add(ended);
        return ended.finally(() => running.delete(ended));
      },
      limits,
      signal: stop,
      hide: [
        [`${room.tree}/`, ''],
        [room.tree, '.'],
        [room.root, '(temporary folder)'],
      ],
      secrets: credentials.secrets,
    },
    reading,
  };
  try {
    if (tool === 'helm') {
      const { renderHelm } = await import('./helm.ts');
      const { texts, version } = await renderHelm(context);
      return { texts, tool, engines: { helm: version } };
    }
    if (tool === 'flux') {
      const { renderFlux } = await import('./flux.ts');
      const { texts, versions } = await renderFlux(context);
      return { texts, tool, engines: versions };
    }
    const { renderKustomize } = await import('./kustomize.ts');
    const { texts, versions } = await renderKustomize(context);
    return { texts, tool, engines: versions };
  } finally {
    // A renderer failed while another program was still at work: that one is not wanted any more.
    over.abort();
    await Promise.allSettled(running);
    try {
      rmSync(room.root, { recursive: true, force: true });
    } catch {
      // It goes with the workspace.
    }
  }
}

async function openCredentials(settings: RenderSettings, ports: RenderPorts): Promise<CredentialStore> {
  if (settings.credentials === undefined) return NO_CREDENTIALS;
  const { loadCredentials } = await import('./credentials.ts');
  return loadCredentials(ports.resolvePath(settings.credentials));
}

function proxiesOf({ proxy }: RenderSettings, { env }: RenderPorts): Proxies {
  return {
    https: proxy.https ?? env['HTTPS_PROXY'] ?? env['https_proxy'],
    // HTTP_PROXY in capitals is also what a CGI program is told by its client, but nothing here is one.
    http: proxy.http ?? env['HTTP_PROXY'] ?? env['http_proxy'],
    none: proxy.none ?? env['NO_PROXY'] ?? env['no_proxy'],
  };
}

/**
 * Which renderer a folder is for, as Argo CD finds out (util/app/discovery): the last file in the order of names that
 * tells. A kustomization therefore goes before a `Chart.yaml`, and a folder with neither is plain manifests.
 */
function detectTool(tree: SourceTree, folder: string): Tool {
  let tool: Tool = 'directory';
  for (const { name, kind } of tree.list(folder)) {
    if (kind === 'folder') continue;
    if (name.endsWith('Chart.yaml')) tool = 'helm';
    if (name === 'kustomization.yaml' || name === 'kustomization.yml' || name === 'Kustomization') tool = 'kustomize';
  }
  return tool;
}

function isBlank(bytes: Uint8Array): boolean {
  // Empty documents are nothing too, but telling them from objects is the parser's.
  return bytes.every((byte) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09);
}

function nothing(request: RenderRequest, tool: Rendered['tool']): GateError {
  if (tool === 'stdin') return new GateError('RENDER_NOTHING', 'standard input is empty');
  const path = request.source.kind === 'folder' ? request.source.path : '-';
  if (tool === 'directory') {
    return new GateError('RENDER_NOTHING', `${path} holds no kustomization, no Chart.yaml and no manifest`, {
      mend: 'Name the folder that holds them; directory-recurse reads the folders below too.',
    });
  }
  return new GateError('RENDER_NOTHING', `${tool} ended well and printed nothing for ${path}`);
}
