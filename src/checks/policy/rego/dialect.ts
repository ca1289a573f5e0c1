import type { UnevaluatedRule } from '../../../core/decision.ts';
import { GateError } from '../../../core/errors.ts';
import type { Clock, Exec } from '../../../core/ports.ts';
import { type Dialect, type Policies, type PolicyDescription, type PolicyFile, WHOLE_SET_UNKNOWN } from '../dialect.ts';
import type { FoundFolder } from '../folder.ts';
import { type Analysis, analyse } from './analysis.ts';
import { createEvaluation } from './evaluation.ts';
import { harnessText } from './harness.ts';
import { judgeSet } from './judge.ts';
import { layOut } from './layout.ts';
import { checkPolicies, type OpaContext, opaVersion } from './opa.ts';
import { type LongLived, startServer } from './server.ts';
import type { RegoSettings } from './settings.ts';

interface RegoPorts {
  readonly exec: Exec;
  readonly clock: Clock;
  readonly findProgram: (name: string) => string | undefined;
  readonly makeFolder: () => string;
  readonly longLived?: LongLived;
}

/** Rego with conftest's conventions, evaluated by the real opa. */
export function regoDialect(settings: RegoSettings, data: readonly FoundFolder[], ports: RegoPorts): Dialect {
  return {
    name: 'Rego',
    claims: ({ name }) => name.endsWith('.rego'),
    load: (files, signal) => loadRego(files, settings, data, ports, signal),
  };
}

/**
 * One short run of opa says what the policies hold, while the source is rendered. A short-lived process then compiles
 * and judges in one more; a long-lived one compiles now and keeps a server.
 */
async function loadRego(
  files: readonly PolicyFile[],
  settings: RegoSettings,
  data: readonly FoundFolder[],
  ports: RegoPorts,
  signal: AbortSignal,
): Promise<Policies> {
  const name = settings.path ?? 'opa';
  const program = ports.findProgram(name);
  if (program === undefined) throw new GateError('OPA_MISSING', `there are Rego policies, and ${name} is not found`);
  const layout = layOut(ports.makeFolder(), settings, files, data);
  const context: OpaContext = { exec: ports.exec, program, settings, layout };
  const bounded = (outer: AbortSignal) =>
    AbortSignal.any([outer, AbortSignal.timeout(settings.limits.timeoutSeconds * 1000)]);

  const loading = bounded(signal);
  const analysis = await analyse(context, files, loading);
  layout.writeHarness(harnessText(analysis));

  let engine = createEvaluation(context);
  if (ports.longLived !== undefined) {
    await checkPolicies(context, loading, { limited: true });
    engine = await startServer(context, ports.longLived, loading);
  }
  let version: Promise<string> | undefined;
  const ofWholeSet = analysis.rules
    .filter(({ combined }) => combined)
    .map((rule): UnevaluatedRule => ({ policy: rule.package, rule: rule.name, why: WHOLE_SET_UNKNOWN }));
  return {
    described: describe(analysis),
    async judge(set, outer, shown) {
      const judging = bounded(outer);
      // The version is asked while opa judges, when nothing else is to be done here.
      const answer = judgeSet(set, analysis, engine, ports.clock, judging, shown);
      version ??= opaVersion(context, judging).catch((error) => {
        version = undefined;
        throw error;
      });
      const [outcome, opa] = await Promise.all([answer, version]);
      return { outcome, engines: { opa }, notEvaluated: shown === 'one object' ? ofWholeSet : [] };
    },
    dispose: () => engine.stop(),
  };
}

/** A policy a package, as `opa` and conftest count. */
function describe({ rules }: Analysis): PolicyDescription[] {
  return [...Map.groupBy(rules, (rule) => rule.package)].map(([policy, inPackage]) => ({
    dialect: 'Rego',
    policy,
    source: [...new Set(inPackage.flatMap(({ files }) => files.map(({ name }) => name)))].join(', '),
    rules: inPackage.map(({ name, effect, combined }) => ({
      name,
      matches: combined ? 'the whole set at once' : 'every object',
      action: effect,
    })),
    warnings: [],
  }));
}
