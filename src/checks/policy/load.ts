import { GateError } from '../../core/errors.ts';
import type { Clock, Exec } from '../../core/ports.ts';
import { compiledDialect } from './compiled/dialect.ts';
import type { EvaluationSettings } from './compiled/settings.ts';
import type { Dialect, Policies, PolicyFile } from './dialect.ts';
import type { ReadDocuments } from './document.ts';
import { createReader, decodeText, findFiles } from './folder.ts';
import type { ImageVerification } from './image-answers.ts';
import type { ClusterSettings } from './kube/settings.ts';
import { regoDialect } from './rego/dialect.ts';
import type { LongLived } from './rego/server.ts';
import type { RegoSettings } from './rego/settings.ts';

export interface PolicySettings {
  /** Absolute paths of files and folders of policies, of every dialect. */
  readonly paths: readonly string[];
  readonly rego: RegoSettings;
  readonly cluster: ClusterSettings;
  readonly evaluation: EvaluationSettings;
  /** Whether a kind has no namespace, by the table of known kinds and by the platform's own. */
  readonly isClusterScoped: (group: string, kind: string) => boolean;
  /** Makes an absolute path of one in the configuration. */
  readonly resolvePath: (path: string) => string;
}

export interface PolicyPorts {
  readonly exec: Exec;
  /** What policies are told is now. */
  readonly clock: Clock;
  /** The absolute path of a program on PATH, or of one that is named absolutely. */
  readonly findProgram: (name: string) => string | undefined;
  /** Makes a private, empty folder that is removed when the run is over. */
  readonly makeFolder: () => string;
  /** The reader that manifests are read with. */
  readonly readDocuments: ReadDocuments;
  /** Verifies images for policies that ask; undefined where images are not checked. */
  readonly images: (() => Promise<ImageVerification>) | undefined;
  /** Given by a process that judges more than once: engines are then kept running between verdicts. */
  readonly longLived?: LongLived;
}

/**
 * Loads every policy below the given paths, or none: a file that no dialect can judge by is refused by name, and so is
 * a path without any policy. No paths at all are an answer too: nothing is judged, and everything passes. Throws
 * GateErrors with POLICY_*, OPA_* and REGO_* codes.
 */
export async function loadPolicies(
  settings: PolicySettings,
  ports: PolicyPorts,
  signal: AbortSignal,
): Promise<Policies> {
  if (settings.paths.length === 0) return combine([]);
  const data = findFiles(settings.rego.data.map(settings.resolvePath));
  const dialects: readonly Dialect[] = [regoDialect(settings.rego, data, ports), compiledDialect(settings, ports)];
  const loaded: Policies[] = [];
  try {
    for (const [dialect, files] of await sortByDialect(settings.paths, data, dialects)) {
      loaded.push(await dialect.load(files, signal));
    }
  } catch (error) {
    await combine(loaded).dispose();
    throw error;
  }
  return mustJudge(combine(loaded));
}

/**
 * Where no rule gives a verdict, nothing was judged: a folder that holds policies without bindings, or rules that change
 * objects alone, must not read as passed.
 */
function mustJudge(policies: Policies): Policies {
  const judges = policies.described.some(({ rules }) => rules.some(({ notEvaluated }) => notEvaluated === undefined));
  if (judges) return policies;
  return {
    ...policies,
    judge: async () => {
      throw new GateError('POLICY_MISSING', 'no rule of the policies gives a verdict', {
        mend: '`syncgate policies` says why; `policies: []` in the Gate says that there are none.',
      });
    },
  };
}

async function sortByDialect(
  paths: readonly string[],
  data: readonly { readonly files: readonly { readonly path: string }[] }[],
  dialects: readonly Dialect[],
): Promise<Map<Dialect, PolicyFile[]>> {
  const dataFiles = new Set(data.flatMap(({ files }) => files.map(({ path }) => path)));
  const read = createReader();
  const sorted = new Map<Dialect, PolicyFile[]>();
  for (const folder of findFiles(paths)) {
    let policies = folder.repeated;
    for (const found of folder.files) {
      if (isBesides(found.name)) continue;
      const file = { name: found.name, text: decodeText(found.name, read(found)) };
      // Data files often lie beside the rules that read them. A policy is never data, whatever the settings call it.
      if (dataFiles.has(found.path) && /\.(ya?ml|json)$/.test(found.name)) {
        if (!/apiVersion/.test(file.text)) continue;
        const { refusePolicy } = await import('./unsupported.ts');
        refusePolicy(file, dialects);
        continue;
      }
      const dialect = dialects.find((each) => each.claims(file));
      if (dialect === undefined) {
        const { refuse } = await import('./unsupported.ts');
        throw refuse(file, dialects);
      }
      sorted.set(dialect, [...(sorted.get(dialect) ?? []), file]);
      policies += 1;
    }
    if (policies === 0) {
      throw new GateError('POLICY_MISSING', `${folder.label} holds no policy`, { place: folder.label });
    }
  }
  return sorted;
}

const besidesFolders = new Set(['.git', '.github', '.regal', '.kyverno-test', '.chainsaw-test']);

/** What lies in every repository and is no policy in any dialect. */
function isBesides(name: string): boolean {
  const steps = name.split('/').slice(1);
  const last = steps.at(-1) ?? '';
  return (
    steps.slice(0, -1).some((step) => besidesFolders.has(step)) ||
    /^(\.gitignore|\.gitkeep|\.gitattributes|\.editorconfig|LICENSE|CODEOWNERS)$|\.md$/.test(last) ||
    /^(kyverno-test|chainsaw-test|artifacthub-pkg|kustomization)\.ya?ml$/.test(last)
  );
}

/** Several dialects as one: all of them judge, and what any of them says counts. */
function combine(loaded: readonly Policies[]): Policies {
  return {
    described: loaded.flatMap(({ described }) => described),
    async judge(set, signal, shown) {
      const answers = await Promise.all(loaded.map((each) => each.judge(set, signal, shown)));
      const engines = Object.assign({}, ...answers.map((answer) => answer.engines)) as Record<string, string>;
      const notEvaluated = answers.flatMap((answer) => answer.notEvaluated);
      const outcomes = answers.map(({ outcome }) => outcome);
      const errored = outcomes.find((outcome) => outcome.kind === 'errored');
      if (errored !== undefined) return { outcome: errored, engines, notEvaluated };
      const completed = outcomes.filter((outcome) => outcome.kind === 'completed');
      return {
        outcome: {
          kind: 'completed',
          examined: completed.reduce((sum, { examined }) => sum + examined, 0),
          findings: completed.flatMap(({ findings }) => findings),
        },
        engines,
        notEvaluated,
      };
    },
    async dispose() {
      await Promise.all(loaded.map((each) => each.dispose()));
    },
  };
}
