/** (j) Kyverno's policies beside `kyverno apply`, (k) how that grows, (l) what one rule costs. */
import assert from 'node:assert/strict';
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CompiledPolicies, compilePolicies } from '../src/checks/policy/compile.ts';
import { requestFor } from '../src/checks/policy/compiled/requests.ts';
import { objectsIn, type PolicyDocument } from '../src/checks/policy/document.ts';
import { createResourceTable } from '../src/checks/policy/kube/resources.ts';
import { createCluster } from '../src/checks/policy/kube/snapshot.ts';
import type { CompiledPolicy, PolicyWorld } from '../src/checks/policy/rule.ts';
import { loadConfig } from '../src/config.ts';
import type { JsonObject } from '../src/core/json.ts';
import { parseDocuments } from '../src/manifests/parse.ts';
import { defaultManifestSettings } from '../src/manifests/settings.ts';
import { plainRequest } from '../src/render/request.ts';
import { openGate } from '../src/wiring/gate.ts';
import { suiteFolder, suitesAbsent } from '../test/support/suites.ts';
import { tool } from '../test/support/tools/resolve.ts';
import {
  type Contender,
  compare,
  type Program,
  peakMemory,
  processContender,
  type Ran,
  runProgram,
  type Timing,
  workContender,
} from './measure.ts';
import { shopObjects } from './shop.ts';
import { alignedText, fasterBy, type Line, sectionText } from './table.ts';

const cli = join(import.meta.dirname, '../dist/syncgate.mjs');
const resources = createResourceTable({ guess: true });
const cluster = createCluster([], []);

/** What a policy asks of a cluster, a registry or a user: the peer would need one, and this is about the engines. */
const NEEDS_MORE =
  /apiCall|configMap:|imageRegistry|globalReference|globalContext|verifyImages|[nN]amespaceSelector|namespaceObject|userInfo|serviceAccountName|resource\.|http\.|imagedata|random\(|time_now|allowExistingViolations/;

type Kind = 'ClusterPolicy' | 'ValidatingPolicy';

interface Setup {
  readonly root: string;
  readonly policies: string;
  readonly gate: string;
  readonly documents: readonly PolicyDocument[];
}

interface App {
  readonly folder: string;
  /** All objects in one file, as the peer reads them. */
  readonly file: string;
  readonly objects: readonly JsonObject[];
}

/** Policies of the public suite, so many of a kind, that judge and need nothing besides the object. */
export function writePolicies(root: string, kind: Kind, most: number): Setup {
  const suite = suiteFolder('kyverno-policies');
  if (suite === undefined) throw new Error(suitesAbsent);
  const policies = join(root, 'policies');
  mkdirSync(policies, { recursive: true });
  const taken = new Map<string, PolicyDocument>();
  for (const name of globSync('**/*.yaml', { cwd: suite }).sort()) {
    if (taken.size === most || name.includes('-test')) continue;
    const bytes = readFileSync(join(suite, name));
    if (NEEDS_MORE.test(bytes.toString('utf8'))) continue;
    const found = readObjects(name, bytes);
    const [document] = found;
    if (document === undefined || found.length > 1 || document.value['kind'] !== kind) continue;
    const { policies: compiled } = compile([document]);
    const [policy] = compiled;
    // Rules that change or make objects are not compared: the peer would do it, and nothing here would.
    if (policy === undefined || policy.rules.some(({ notEvaluated }) => notEvaluated !== undefined)) continue;
    // The suite has policies in several spellings under one name; in one cluster they need names of their own.
    const called = taken.has(policy.identity.name) ? `${policy.identity.name}-${taken.size}` : policy.identity.name;
    const text = bytes.toString('utf8').replace(/^( {2}name: ).+$/m, `$1${called}`);
    const [renamed] = readObjects(name, Buffer.from(text));
    if (renamed === undefined || taken.has(called)) continue;
    taken.set(called, renamed);
    writeFileSync(join(policies, `${taken.size}.yaml`), text);
  }
  const gate = join(root, 'gate.yaml');
  writeFileSync(
    gate,
    'apiVersion: syncgate.dev/v1alpha1\nkind: Gate\nmetadata: { name: bench }\nspec:\n  policies: [{ path: policies }]\n  images: unchecked\n',
  );
  return { root, policies, gate, documents: [...taken.values()] };
}

function readObjects(file: string, bytes: Uint8Array): PolicyDocument[] {
  try {
    return objectsIn(file, parseDocuments({ file, bytes, marks: 'none' }, defaultManifestSettings), 'POLICY_INVALID');
  } catch {
    return [];
  }
}

function compile(documents: readonly PolicyDocument[]): CompiledPolicies {
  return compilePolicies({ documents, resources, cluster, kubernetes: '1.36', isTest: false });
}

function writeApp(root: string, count: number): App {
  const folder = join(root, `app-${count}`);
  const file = join(folder, 'objects.yaml');
  if (!existsSync(folder)) mkdirSync(folder, { recursive: true });
  const text = shopObjects(count).join('---\n');
  writeFileSync(file, text);
  return { folder, file, objects: readObjects('objects.yaml', Buffer.from(text)).map(({ value }) => value) };
}

const kyvernoProgram = (kyverno: string, { policies }: Setup, { file }: App): Program => ({
  argv: [
    kyverno,
    'apply',
    policies,
    '--resource',
    file,
    '--policy-report',
    '--output-format',
    'json',
    '--remove-color',
  ],
});
const syncgateProgram = (setup: Setup, app: App): Program => ({
  argv: [process.execPath, cli, 'check', app.folder, '--config', setup.gate, '--output', 'json'],
  cwd: setup.root,
});

/** `policy/rule kind name → status`, of everything that either of them says. */
type Verdicts = readonly string[];

interface Report {
  readonly results?: readonly {
    readonly policy: string;
    readonly rule?: string;
    readonly result: string;
    readonly resources: readonly { readonly kind: string; readonly name: string }[];
  }[];
}

function theirVerdicts({ stdout }: Ran): Verdicts {
  const report = JSON.parse(stdout.slice(stdout.search(/^\{/m))) as Report;
  return (report.results ?? []).flatMap(({ policy, rule = '', result, resources: about }) =>
    about.map(({ kind, name }) => `${policy}/${rule} ${kind} ${name} → ${result}`),
  );
}

const world: PolicyWorld = { cluster, now: Date.now(), random: () => 0.5 };

/** The engines alone over the objects as they are written, as the peer sees them without a cluster. */
function ourVerdicts(policies: readonly CompiledPolicy[], objects: readonly JsonObject[]): Verdicts {
  return objects.flatMap((object) => {
    const request = requestFor(object, undefined, resources, undefined);
    return policies
      .filter((policy) => policy.concerns(request.kind, request.resource, ''))
      .flatMap((policy) =>
        policy
          .judge(request, world)
          .map(
            ({ rule, status }) => `${policy.identity.name}/${rule} ${request.kind.kind} ${request.name} → ${status}`,
          ),
      );
  });
}

interface Warm {
  readonly contender: Contender;
  close(): Promise<void>;
}

/** The whole gate, kept open: each run reads, parses and judges the application anew. */
async function openWarm(setup: Setup, app: App): Promise<Warm> {
  const config = await loadConfig(setup.gate, (path) => readFile(path, 'utf8'));
  const gate = openGate(
    config,
    { env: {}, temporaryFolder: setup.root, program: import.meta.filename },
    new AbortController().signal,
    'many verdicts',
  );
  const request = plainRequest({ kind: 'folder', root: app.folder, path: '.' });
  const work = () => gate.judge(request, 'json', AbortSignal.timeout(120_000));
  // So that the engine has compiled what it runs often, as in a process that lives long.
  for (let i = 0; i < 2000; i += app.objects.length) await work();
  return { contender: workContender('syncgate, warm', work), close: () => gate.close() };
}

/** (j) */
async function besideKyverno(scratch: string, kind: Kind, most: number, aim: number, rounds: number): Promise<string> {
  const kyverno = await tool('kyverno');
  const setup = writePolicies(join(scratch, kind), kind, most);
  const app = writeApp(join(scratch, kind), 100);
  const { policies } = compile(setup.documents);
  const peer = kyvernoProgram(kyverno, setup, app);
  const first = await runProgram(peer);
  const theirs = [...theirVerdicts(first)].sort();
  const ours = [...ourVerdicts(policies, app.objects)].sort();
  assert.deepEqual(ours, theirs);

  const expected = (await runProgram(syncgateProgram(setup, app))).exitCode ?? -1;
  const warm = await openWarm(setup, app);
  const engines = workContender('the engines alone, warm', async () => ourVerdicts(policies, app.objects));
  try {
    const timings = await compare(
      [
        processContender('kyverno apply', peer, first.exitCode ?? -1),
        processContender('syncgate check, cold', syncgateProgram(setup, app), expected),
        warm.contender,
        engines,
      ],
      // Of a peer that takes a minute one round is enough.
      first.milliseconds > 20_000 ? 1 : rounds,
      first.milliseconds > 20_000 ? 0 : 1,
    );
    const [theirTime, cold, ready, alone] = timings as [Timing, Timing, Timing, Timing];
    const within = (limit: number, timing: Timing) => ({ text: `≤ ${limit} ms`, reached: timing.median <= limit });
    const lines: Line[] = [
      { what: theirTime.name, timing: theirTime },
      { what: cold.name, timing: cold, against: theirTime, aim: fasterBy(aim, cold, theirTime) },
      { what: ready.name, timing: ready, against: theirTime, aim: within(10, ready) },
      { what: alone.name, timing: alone, against: theirTime },
    ];
    const memory = [
      first.milliseconds > 20_000 ? Number.NaN : await peakMemory(peer),
      await peakMemory(syncgateProgram(setup, app)),
    ];
    return sectionText({
      title: `(j) 100 objects × ${policies.length} policies of kind ${kind}: the same ${ours.length} results`,
      lines,
      remarks: [
        `${((alone.median * 1000) / ours.length).toFixed(1)} µs a matched (rule, object) pair (aim 15); peak memory ${memory.map((mib) => mib.toFixed(0)).join(' and ')} MiB (aim for ours 150)`,
      ],
    });
  } finally {
    await warm.close();
  }
}

/** (k) */
async function growth(scratch: string, rounds: number): Promise<string> {
  const rows = [['objects × ClusterPolicies', 'cold', 'warm', 'peak memory']];
  for (const [objects, most] of [
    [100, 10],
    [100, 50],
    [100, 150],
    [1000, 150],
    [5000, 150],
  ] as const) {
    const root = join(scratch, `k-${objects}-${most}`);
    const setup = writePolicies(root, 'ClusterPolicy', most);
    const app = writeApp(root, objects);
    const { exitCode } = await runProgram(syncgateProgram(setup, app));
    const warm = await openWarm(setup, app);
    const timings = await compare(
      [processContender('cold', syncgateProgram(setup, app), exitCode ?? -1), warm.contender],
      rounds,
    );
    await warm.close();
    const memory = await peakMemory(syncgateProgram(setup, app));
    rows.push([
      `${objects} × ${setup.documents.length}`,
      ...timings.map(({ median }) => `${median.toFixed(0)} ms`),
      `${memory.toFixed(0)} MiB`,
    ]);
  }
  return `(k) how it grows, syncgate alone; aim at 5,000 objects: 400 MiB\n${alignedText(rows)}\n`;
}

/** (l) */
async function idleRules(scratch: string, rounds: number): Promise<string> {
  const rule = (n: number) =>
    readObjects(
      `idle-${n}.yaml`,
      Buffer.from(`apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: { name: idle-${n} }
spec:
  rules:
    - name: never
      match: { any: [{ resources: { kinds: [example.com/v1/Thing${n}] } }] }
      validate: { message: m, pattern: { spec: { x: y } } }
`),
    );
  const app = writeApp(join(scratch, 'l'), 1000);
  const setup = writePolicies(join(scratch, 'l'), 'ClusterPolicy', 50);
  const idle = Array.from({ length: 1000 }, (_, n) => rule(n)).flat();
  const judges = [setup.documents, [...setup.documents, ...idle]].map((documents) =>
    judgeOf(compile(documents).policies),
  );
  const [without, beside] = await compare(
    judges.map((judge, i) => workContender(String(i), () => judge(app.objects))),
    rounds,
    3,
  );
  const each = (((beside?.median ?? 0) - (without?.median ?? 0)) * 1e6) / (1000 * 1000);
  return `(l) a rule that cannot match adds ${Math.max(0, each).toFixed(0)} ns an object (1,000 such rules, 1,000 objects; aim 1,000 ns)\n`;
}

/** The judge of a gate without its render. */
function judgeOf(policies: readonly CompiledPolicy[]): (objects: readonly JsonObject[]) => Promise<unknown> {
  const place = { file: 'objects.yaml' };
  return async (objects) => {
    const { createJudge } = await import('../src/checks/policy/compiled/judge.ts');
    const judge = createJudge(
      policies,
      { onlyPinnedPasses: 'warn', fromRendered: [], complete: (object) => object },
      { cluster, resources, userInfo: undefined, now: () => 0, images: undefined },
    );
    const set = objects.map((object, index) => {
      const { apiVersion, kind } = object as { readonly apiVersion: string; readonly kind: string };
      const identity = { apiVersion, kind, namespace: 'shop', name: String(index) };
      return { object, written: object, manifest: { index, identity, object, origin: place, locate: () => place } };
    });
    return judge(set, new AbortController().signal);
  };
}

/** Everything about Kyverno's policies, as text. `quick` runs few rounds, to see that it runs. */
export async function benchKyverno(scratch: string, quick: boolean): Promise<string> {
  return [
    await besideKyverno(scratch, 'ClusterPolicy', 150, 10, quick ? 2 : 9),
    await besideKyverno(scratch, 'ValidatingPolicy', quick ? 6 : 64, 100, 3),
    await growth(scratch, quick ? 2 : 5),
    await idleRules(scratch, quick ? 5 : 15),
  ].join('\n');
}
