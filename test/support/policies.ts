import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createExec, createServe } from '../../src/adapters/exec.ts';
import { askSocket } from '../../src/adapters/socket.ts';
import { EvaluationSettings } from '../../src/checks/policy/compiled/settings.ts';
import type { Policies } from '../../src/checks/policy/dialect.ts';
import { ClusterSettings } from '../../src/checks/policy/kube/settings.ts';
import { loadPolicies, type PolicyPorts } from '../../src/checks/policy/load.ts';
import { RegoSettings } from '../../src/checks/policy/rego/settings.ts';
import type { Finding } from '../../src/core/decision.ts';
import type { JsonObject } from '../../src/core/json.ts';
import type { JudgedObject } from '../../src/core/rendered.ts';
import { parseDocuments } from '../../src/manifests/parse.ts';
import { isClusterScoped } from '../../src/manifests/scope.ts';
import { defaultManifestSettings } from '../../src/manifests/settings.ts';
import { tool } from './tools/resolve.ts';

/** What a test writes down of its policies: file names below its folder, and their text. */
export type Files = Readonly<Record<string, string>>;

/** A private folder with files in it; the caller removes it. */
export function folderOf(files: Files): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(realpathSync(tmpdir()), 'syncgate-test-'));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), text);
  }
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** A rendered object as policies see it, without a renderer. */
export function judged(object: JsonObject, index = 0, file = 'app/objects.yaml'): JudgedObject {
  const { apiVersion, kind, metadata } = object as { apiVersion: string; kind: string; metadata: JsonObject };
  const place = { file, line: 1 + 10 * index };
  return {
    object,
    written: object,
    manifest: {
      index,
      identity: {
        apiVersion,
        kind,
        namespace: metadata['namespace'] as string | undefined,
        name: metadata['name'] as string,
      },
      object,
      origin: place,
      locate: () => place,
    },
  };
}

export function configMap(name: string, more: JsonObject = {}): JsonObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'apps' }, ...more };
}

export const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);

/** Everything that loading policies takes, with the real opa; what a test is about it replaces. */
async function policyPorts(folder: string, more: Partial<PolicyPorts> = {}): Promise<PolicyPorts> {
  const opa = await tool('opa');
  return {
    exec: createExec(),
    clock: { now: () => NOW },
    findProgram: (name) => (name === 'opa' ? opa : undefined),
    makeFolder: () => mkdtempSync(join(folder, 'w-')),
    readDocuments: (file, bytes) => parseDocuments({ file, bytes, marks: 'none' }, defaultManifestSettings),
    images: undefined,
    ...more,
  };
}

export const longLived = { serve: createServe(), askSocket };

export interface Setup {
  readonly files: Files;
  /** Policy paths below the folder; `policies` if left out. */
  readonly paths?: readonly string[];
  readonly rego?: Record<string, unknown>;
  /** `spec.cluster` and `spec.evaluation` of the Gate. */
  readonly cluster?: Record<string, unknown>;
  readonly evaluation?: Record<string, unknown>;
  readonly ports?: Partial<PolicyPorts>;
  readonly signal?: AbortSignal;
}

/** Loads policies, hands them to a test, and cleans up whatever came of it. */
export async function withPolicies<Answer>(
  {
    files,
    paths = ['policies'],
    rego = {},
    cluster = {},
    evaluation = {},
    ports = {},
    signal = AbortSignal.timeout(60_000),
  }: Setup,
  use: (policies: Policies) => Promise<Answer>,
): Promise<Answer> {
  const folder = folderOf(files);
  try {
    const policies = await loadPolicies(
      {
        paths: paths.map((path) => join(folder.path, path)),
        rego: RegoSettings.parse(rego),
        cluster: ClusterSettings.parse(cluster),
        evaluation: EvaluationSettings.parse(evaluation),
        isClusterScoped: (group, kind) =>
          isClusterScoped(group === '' ? 'v1' : `${group}/v1`, kind, { clusterScoped: [] }),
        resolvePath: (path) => join(folder.path, path),
      },
      await policyPorts(folder.path, ports),
      signal,
    );
    try {
      return await use(policies);
    } finally {
      await policies.dispose();
    }
  } finally {
    folder.remove();
  }
}

/** What the policies say of the objects. An `errored` outcome is thrown: tests expect the error. */
export async function findingsFor(setup: Setup, objects: readonly JsonObject[]): Promise<readonly Finding[]> {
  return withPolicies(setup, async (policies) => {
    const set = objects.map((object, i) => judged(object, i));
    const { outcome } = await policies.judge(set, setup.signal ?? AbortSignal.timeout(60_000));
    if (outcome.kind === 'errored') throw outcome.error;
    return outcome.findings;
  });
}

/** A finding in a few words, as tables compare them. */
export function inShort(finding: Finding): string {
  return `${finding.effect} ${finding.rule} ${finding.object?.name ?? '-'}: ${finding.message}`;
}
