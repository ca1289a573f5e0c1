/** One application of a team: a repository, a GatedSource that watches it, and the Kustomization that applies what it lets out. */
import { conditionOf, type Live, type Writable } from '../kubernetes/client.ts';
import type { Flux } from './flux.ts';
import { type GitServer, startGitServer } from './git-server.ts';
import { externalArtifact, gatedSource, gitRepository, kustomization } from './objects.ts';

type Files = Readonly<Record<string, string | null>>;

export interface ApplicationOptions {
  /** Fields of the GatedSource's spec. */
  readonly gated?: object;
  /** Fields of the Kustomization's spec. */
  readonly consumer?: object;
  readonly namespace?: string;
}

export interface Application extends AsyncDisposable {
  readonly git: GitServer;
  readonly source: Writable;
  readonly gated: Writable;
  readonly external: ReturnType<typeof externalArtifact>;
  readonly consumer: Writable;
  /** Commits the files (`null` removes one), and has Flux look; answers with the commit. */
  push(files: Files): Promise<string>;
  /** Waits until the gate has let a commit out; the GatedSource. */
  accepted(commit: string, deadlineMs?: number): Promise<Live>;
  /** Waits until what was let out of a commit is applied; the Kustomization. */
  applied(commit: string, deadlineMs?: number): Promise<Live>;
  /** Waits until the gate has refused a commit and says so on both of its objects. */
  refused(commit: string, deadlineMs?: number): Promise<{ readonly gated: Live; readonly external: Live | undefined }>;
  /** What the ExternalArtifact leads to; undefined while it leads nowhere. */
  artifact(): Promise<{ readonly url: string; readonly digest: string; readonly revision: string } | undefined>;
}

/** Commits the first files, and creates the four objects. */
export async function startApplication(
  flux: Flux,
  name: string,
  files: Files,
  options: ApplicationOptions = {},
): Promise<Application & { readonly first: string }> {
  const { admin } = flux;
  const namespace = options.namespace ?? 'apps';
  const git = await startGitServer();
  const source = gitRepository(name, git.url, {}, namespace);
  const gated = gatedSource(name, source, options.gated, namespace);
  const external = externalArtifact(name, namespace);
  const consumer = kustomization(name, external, options.consumer, namespace);
  const first = await git.commit('first', files);
  for (const object of [source, gated, consumer]) await admin.apply(object);
  return {
    ...{ git, source, gated, external, consumer, first },
    async push(changes) {
      const commit = await git.commit('change', changes);
      await admin.reconcile(source);
      return commit;
    },
    accepted: (commit, deadlineMs) =>
      admin.until(
        gated,
        `to have let ${commit} out`,
        (live) =>
          live['status']?.lastAcceptedRevision?.includes(commit) === true && conditionOf(live)?.status === 'True',
        deadlineMs,
      ),
    applied: (commit, deadlineMs) =>
      admin.until(
        consumer,
        `to have applied ${commit}`,
        (live) =>
          live['status']?.lastAppliedOriginRevision?.includes(commit) === true && conditionOf(live)?.status === 'True',
        deadlineMs,
      ),
    async refused(commit, deadlineMs) {
      const refused = await admin.until(
        gated,
        `to have refused ${commit}`,
        (live) =>
          live['status']?.lastAttemptedRevision?.includes(commit) === true && conditionOf(live)?.status === 'False',
        deadlineMs,
      );
      return { gated: refused, external: await admin.get(external) };
    },
    artifact: async () => (await admin.get(external))?.['status']?.artifact,
    // Its objects go with the server; nothing here waits for finalizers.
    [Symbol.asyncDispose]: () => git.stop(),
  };
}

/** A Deployment that runs one image. */
export function deployment(name: string, image: string, more: { readonly replicas?: number } = {}): string {
  const labels = { app: name };
  return JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'apps' },
    spec: {
      replicas: more.replicas ?? 1,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'web', image }] } },
    },
  });
}

export function configMap(name: string, data: Readonly<Record<string, string>>, namespace = 'apps'): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data });
}

/** A live object of the namespace `apps`. */
export function live(kind: 'Deployment' | 'ConfigMap' | 'Service' | 'Secret', name: string, namespace = 'apps') {
  return { apiVersion: kind === 'Deployment' ? 'apps/v1' : 'v1', kind, metadata: { name, namespace } };
}
