/** Renders trees written inline, with the real programs, in folders of their own. */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { download } from '../../src/adapters/download.ts';
import { createExec, findLaunchers, findProgram } from '../../src/adapters/exec.ts';
import { createWorkspace } from '../../src/adapters/workspace.ts';
import { GateError } from '../../src/core/errors.ts';
import type { RenderPorts } from '../../src/render/context.ts';
import { type Rendered, render } from '../../src/render/render.ts';
import { plainRequest, type RenderRequest } from '../../src/render/request.ts';
import { RenderSettings } from '../../src/render/settings.ts';
import { tool } from './tools/resolve.ts';

/** File contents by path; `{ link }` is a symbolic link. */
export type Files = Readonly<Record<string, string | Uint8Array | { readonly link: string }>>;

export const launchers = findLaunchers();
export const exec = createExec(launchers);

/** A folder that the test removes. */
export function scratch(): { readonly path: string; readonly [Symbol.dispose]: () => void } {
  const path = mkdtempSync(join(realpathSync(tmpdir()), 'render-test-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

export function writeTree(root: string, files: Files): void {
  for (const [name, content] of Object.entries(files)) {
    const path = join(root, name);
    mkdirSync(dirname(path), { recursive: true });
    if (typeof content === 'object' && 'link' in content) symlinkSync(content.link, path);
    else writeFileSync(path, content);
  }
}

export interface RenderOptions {
  readonly path?: string;
  readonly helm?: 'helm' | 'helm4';
  readonly settings?: Record<string, unknown>;
  readonly request?: (plain: RenderRequest) => RenderRequest;
  readonly env?: Record<string, string>;
  readonly ports?: Partial<RenderPorts>;
  readonly signal?: AbortSignal;
}

/** Renders what stands in a folder. The workspace is removed, and must be empty of what the rendering made. */
export async function renderFolder(root: string, options: RenderOptions = {}): Promise<Rendered> {
  using temporary = scratch();
  const workspace = createWorkspace(temporary.path);
  const programs: Record<string, string> = {
    kustomize: await tool('kustomize'),
    helm: await tool(options.helm ?? 'helm'),
  };
  const searchPath = process.env['PATH'] ?? '';
  const ports: RenderPorts = {
    exec,
    workspace: workspace.path,
    findProgram: (name) => programs[name] ?? findProgram(name, searchPath),
    env: { PATH: searchPath, ...options.env },
    resolvePath: (path) => path,
    download,
    setpriv: launchers.setpriv,
    ...options.ports,
  };
  const plain = plainRequest({ kind: 'folder', root, path: options.path ?? '.' });
  const request = options.request?.(plain) ?? plain;
  const settings = RenderSettings.parse(options.settings ?? {});
  try {
    return await render(request, settings, ports, options.signal ?? AbortSignal.timeout(60_000)).finally(() => {
      const left = readdirSync(workspace.path).filter((name) => name !== '.owner');
      expect(left, 'what rendering left in its workspace').toEqual([]);
    });
  } finally {
    workspace.remove();
  }
}

/** Renders a tree written inline, and holds that it was not changed. */
export async function renderFiles(files: Files, options: RenderOptions = {}): Promise<Rendered> {
  using temporary = scratch();
  writeTree(temporary.path, files);
  const before = fingerprint(temporary.path);
  return await renderFolder(temporary.path, options).finally(() => {
    expect(fingerprint(temporary.path) === before, 'the source is as it was').toBe(true);
  });
}

/** The error that a rendering ends with; fails where it ends well. */
export async function refusalOf(rendered: Promise<Rendered>): Promise<GateError> {
  try {
    const { texts } = await rendered;
    throw new Error(
      `it was rendered: ${texts.map((text) => Buffer.from(text.bytes).toString('utf8').slice(0, 500)).join('\n')}`,
    );
  } catch (error) {
    if (error instanceof GateError) return error;
    throw error;
  }
}

/** Everything that a tree is, with names, contents, links and modes. */
function fingerprint(root: string): string {
  const lines: string[] = [];
  const visit = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(folder, entry.name);
      const mode = lstatSync(path).mode.toString(8);
      if (entry.isDirectory()) {
        lines.push(`${mode} ${path}/`);
        visit(path);
      } else if (entry.isFile()) lines.push(`${mode} ${path} ${readFileSync(path).toString('base64')}`);
      else lines.push(`${mode} ${path}`);
    }
  };
  visit(root);
  return lines.join('\n');
}

/** A program of a few lines of shell, for standing in for a renderer that misbehaves. */
export function script(folder: string, name: string, lines: string): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${lines}\n`);
  chmodSync(path, 0o755);
  return path;
}

/** What a program prints when it is run by hand, with no home or configuration of the user. */
export async function bare(
  name: 'kustomize' | 'helm' | 'helm4',
  cwd: string,
  args: readonly string[],
): Promise<string> {
  using home = scratch();
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: home.path,
    XDG_CACHE_HOME: home.path,
    XDG_CONFIG_HOME: home.path,
    XDG_DATA_HOME: home.path,
  };
  const result = await exec({
    program: await tool(name),
    args,
    cwd,
    env,
    maxOutputBytes: 1e8,
    signal: AbortSignal.timeout(60_000),
  });
  if (result.kind === 'exited' && result.code === 0) return result.stdout.toString('utf8');
  throw new Error(`${name} ${args.join(' ')}: ${JSON.stringify(result)}`);
}

/** The objects of YAML documents in their order, without the origin annotations that were asked of kustomize. */
export function objectsOf(text: string, marks: 'none' | 'helm' | 'kustomize' = 'none'): unknown[] {
  const objects = parseAllDocuments(text).flatMap((document) => {
    if (document.errors.length > 0) throw document.errors[0];
    return document.toJS() ?? [];
  });
  if (marks !== 'kustomize') return objects;
  return objects.map((object) => {
    const { annotations, ...metadata } = object.metadata;
    const { 'config.kubernetes.io/origin': origin, ...others } = annotations ?? {};
    if (origin === undefined) throw new Error(`${object.kind} ${metadata.name} has no origin`);
    return { ...object, metadata: Object.keys(others).length === 0 ? metadata : { ...metadata, annotations: others } };
  });
}

/** The objects of a rendering. */
export function renderedObjects(rendered: Rendered): unknown[] {
  return rendered.texts.flatMap((text) => objectsOf(Buffer.from(text.bytes).toString('utf8'), text.marks));
}
