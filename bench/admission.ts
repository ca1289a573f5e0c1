/** (n) What the webhook adds to a request through a real API server, open loop, and what it takes itself. */
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { NO_METRICS, SILENT_LOG } from '../src/core/telemetry.ts';
import { createMemory } from '../src/surfaces/admission/memory.ts';
import { createReviewer, type Reviewer } from '../src/surfaces/admission/reviewer.ts';
import { openGates } from '../src/wiring/gates.ts';
import { webhookConfiguration } from '../test/support/admission/webhook.ts';
import { type Component, freePorts, startComponent, waitFor } from '../test/support/argocd/component.ts';
import { makeCertificates } from '../test/support/certificates.ts';
import { openClient, type Writable } from '../test/support/kubernetes/client.ts';
import { type KubernetesServer, startKubernetes } from '../test/support/kubernetes/cluster.ts';
import { suiteFolder, suitesAbsent } from '../test/support/suites.ts';
import { compare, treeMemory, workContender } from './measure.ts';
import { alignedText, sectionText } from './table.ts';

const cli = join(import.meta.dirname, '../dist/syncgate.mjs');
const wantedPolicies = 16;
/** The first is what is aimed at. All that takes part shares one machine: the second is what two cores carry. */
const rates = [500, 200] as const;
/** Objects that are there and are applied again as they are, as most of what a controller asks. */
const standing = 50;
const aim = { median: 3, p95: 10 };

export async function benchAdmission(scratch: string, quick: boolean): Promise<string> {
  const suite = suiteFolder('kyverno-policies');
  if (suite === undefined) return `(n) the webhook: not measured, ${suitesAbsent}\n`;
  const gates = writeGate(scratch, suite);
  return `${await throughServer(scratch, gates, quick)}\n${await alone(scratch, gates, quick)}`;
}

/** The Pod Security policies of the public suite, enforced in one namespace. */
function writeGate(scratch: string, suite: string): string {
  const [gates, rules] = [join(scratch, 'gates'), join(scratch, 'rules')];
  for (const folder of [gates, rules, join(scratch, 'tmp')]) mkdirSync(folder, { recursive: true });
  const files = ['pod-security', 'pod-security-vpol']
    .flatMap((folder) => globSync(`${folder}/{baseline,restricted}/*/*.yaml`, { cwd: suite }).sort())
    .filter((name) => !/artifacthub|kustomization/.test(name))
    .slice(0, wantedPolicies);
  for (const [index, name] of files.entries()) {
    const text = readFileSync(join(suite, name), 'utf8').replace(/(validationFailureAction: )Audit/i, '$1Enforce');
    writeFileSync(join(rules, `${index}.yaml`), text);
  }
  const spec = {
    namespaces: { names: ['apps'], clusterObjects: true },
    policies: [{ path: '../rules' }],
    images: 'unchecked',
  };
  const document = { apiVersion: 'syncgate.dev/v1alpha1', kind: 'Gate', metadata: { name: 'bench' }, spec };
  writeFileSync(join(gates, 'bench.yaml'), JSON.stringify(document));
  return gates;
}

function pod(name: string): Writable {
  const securityContext = {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    runAsNonRoot: true,
    seccompProfile: { type: 'RuntimeDefault' },
  };
  const container = (each: string) => ({
    name: each,
    image: `registry.example/team/${each}:1@sha256:${'a'.repeat(64)}`,
    ports: [{ containerPort: 8080 }],
    resources: { limits: { cpu: '1', memory: '1Gi' } },
    securityContext,
  });
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'apps', labels: { app: 'web' } },
    spec: { containers: [container('web'), container('proxy')], securityContext: { runAsNonRoot: true } },
  } as Writable;
}

interface Sample {
  readonly kind: 'created' | 'unchanged';
  readonly milliseconds: number;
}

async function throughServer(scratch: string, gates: string, quick: boolean): Promise<string> {
  await using server = await startKubernetes();
  const admin = openClient(server);
  const certificates = makeCertificates();
  const folder = join(scratch, 'certificates');
  mkdirSync(folder);
  writeFileSync(join(folder, 'tls.crt'), certificates.server.cert);
  writeFileSync(join(folder, 'tls.key'), certificates.server.key);
  const [port, health, nodding] = (await freePorts(3)) as [number, number, number];
  await admin.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'apps' } });
  await using webhook = await startComponent({
    name: 'syncgate',
    program: process.execPath,
    args: [
      ...[cli, 'serve', '--admission', '--gates', gates, '--admission-certificates', folder],
      ...['--admission-address', `127.0.0.1:${port}`, '--health-address', `127.0.0.1:${health}`, '--log-level', 'info'],
    ],
    env: { KUBECONFIG: server.kubeconfigFile, TMPDIR: join(scratch, 'tmp'), PATH: process.env['PATH'] ?? '' },
    ready: async () => (await fetch(`http://127.0.0.1:${health}/readyz`)).ok,
  });
  await using floor = await startComponent({
    name: 'a webhook that reads nothing',
    program: process.execPath,
    args: [
      join(import.meta.dirname, 'nodding-webhook.ts'),
      `${nodding}`,
      join(folder, 'tls.crt'),
      join(folder, 'tls.key'),
    ],
    env: {},
    ready: (component) => component.log().includes('serves'),
  });
  /** Does something while one of the webhooks is asked. */
  const beside = async <Answer>(asked: number, work: () => Promise<Answer>): Promise<Answer> => {
    const configuration = webhookConfiguration({ port: asked, certificates });
    await admin.apply(configuration);
    await waitFor('the webhook to be asked', 30_000, async () => ((await isRefused(admin)) ? true : undefined));
    const answer = await work();
    await admin.delete(configuration);
    await waitFor('the webhook not to be asked', 30_000, async () => ((await isRefused(admin)) ? undefined : true));
    return answer;
  };
  const live: [string, string][] = [];
  for (let i = 0; i < standing; i++) {
    const made = await admin.create(pod(`standing-${i}`), { fieldManager: 'kustomize-controller' });
    live.push([made.metadata.name, JSON.stringify(made)]);
  }

  // First phases with each warm up all that takes part.
  for (const each of [port, nodding]) await beside(each, () => askServer(server, live, 10, rates[0]));
  const reports: string[] = [];
  for (const rate of rates) {
    const [phases, seconds] = quick ? [3, 5] : rate === rates[0] ? [6, 10] : [3, 10];
    const phase = () => askServer(server, live, seconds, rate);
    const [without, nodded, judged] = [newMeasured(), newMeasured(), newMeasured()];
    for (let i = 0; i < phases; i++) {
      without.samples.push(...(await phase()));
      await beside(nodding, () => measured(nodded, floor, seconds, phase));
      await beside(port, () => measured(judged, webhook, seconds, phase));
    }
    const alone = await askWebhook(port, certificates.ca, phases * seconds, rate);
    reports.push(reportOf(rate, without, nodded, judged, alone));
  }
  admin[Symbol.dispose]();
  return reports.join('\n');
}

/** What requests took, and the webhook beside them. */
interface Measured {
  readonly samples: Sample[];
  cpuSeconds: number;
  seconds: number;
  /** MiB. */
  memory: number;
}

function newMeasured(): Measured {
  return { samples: [], cpuSeconds: 0, seconds: 0, memory: 0 };
}

async function measured(into: Measured, of: Component, seconds: number, phase: () => Promise<Sample[]>): Promise<void> {
  const before = cpuSeconds(of);
  into.samples.push(...(await phase()));
  into.cpuSeconds += cpuSeconds(of) - before;
  into.seconds += seconds;
  into.memory = Math.max(into.memory, treeMemory(of.pid));
}

/** A Pod that every policy is against: it gets through only where nobody asks. */
async function isRefused(admin: ReturnType<typeof openClient>): Promise<boolean> {
  const bad = pod('on-the-host');
  const spec = { hostNetwork: true, containers: [{ name: 'web', image: 'a' }] };
  try {
    await admin.apply({ ...bad, spec } as Writable, { fieldManager: 'kustomize-controller', dryRun: true });
    return false;
  } catch {
    return true;
  }
}

/** So many requests a second, whatever becomes of them; each is timed from when it was due. */
async function openLoop(seconds: number, rate: number, send: (kind: Sample['kind'], number: number) => Promise<void>) {
  const samples: Sample[] = [];
  const pending: Promise<void>[] = [];
  const started = performance.now();
  for (let i = 0; i < seconds * rate; i++) {
    const due = started + (i * 1000) / rate;
    const wait = due - performance.now();
    if (wait > 1) await new Promise((go) => setTimeout(go, wait));
    const kind = i % 2 === 0 ? 'created' : 'unchanged';
    pending.push(send(kind, i).then(() => void samples.push({ kind, milliseconds: performance.now() - due })));
  }
  await Promise.all(pending);
  return samples;
}

/** Dry runs of Pods that are new, and of Pods as they are there. */
async function askServer(
  server: KubernetesServer,
  live: readonly (readonly [name: string, body: string])[],
  seconds: number,
  rate: number,
): Promise<Sample[]> {
  // As client-go speaks to it: HTTP/2, and one connection for many requests.
  const session = connect(server.url, { rejectUnauthorized: false });
  const authorization = `Bearer ${server.tokenOf('admin')}`;
  const send = (method: 'POST' | 'PUT', name: string, body: string): Promise<void> =>
    new Promise((done, failed) => {
      const path = `/api/v1/namespaces/apps/pods${name}?fieldManager=kustomize-controller&dryRun=All`;
      const asked = session.request({
        ':method': method,
        ':path': path,
        accept: 'application/json',
        authorization,
        'content-type': 'application/json',
      });
      let status = 0;
      let said = '';
      asked.on('response', (headers) => {
        status = headers[':status'] ?? 0;
        if (status < 300) asked.resume();
        else
          asked.on('data', (chunk: Buffer) => {
            said += chunk.toString('utf8');
          });
      });
      asked.on('end', () => (status < 300 ? done() : failed(new Error(`the API server answered ${status}: ${said}`))));
      asked.on('error', failed);
      asked.end(body);
    });
  const [before, after] = JSON.stringify(pod('NAME')).split('NAME') as [string, string];
  const samples = await openLoop(seconds, rate, (kind, number) => {
    if (kind === 'created') return send('POST', '', `${before}made-${number}${after}`);
    const [name, there] = live[(number >> 1) % live.length] ?? ['', ''];
    return send('PUT', `/${name}`, there);
  });
  session.close();
  return samples;
}

/** The same questions as an API server asks them, straight from here: what of it is the webhook's. */
async function askWebhook(port: number, ca: string, seconds: number, rate: number): Promise<Sample[]> {
  const agent = new Agent({ keepAlive: true, ca, maxSockets: 64 });
  const send = (body: Buffer): Promise<void> =>
    new Promise((done, failed) => {
      const headers = { 'content-type': 'application/json', 'content-length': body.length };
      const options = { host: '127.0.0.1', port, path: '/validate?timeout=10s', method: 'POST', agent, headers };
      const asked = request(options, (response) => {
        response.resume();
        response.on('end', () => (response.statusCode === 200 ? done() : failed(new Error('no answer'))));
      });
      asked.on('error', failed);
      asked.end(body);
    });
  const samples = await openLoop(seconds, rate, (kind, number) =>
    send(
      kind === 'created'
        ? reviewOf('CREATE', `made-${number}`, number)
        : reviewOf('UPDATE', `standing-${(number >> 1) % standing}`, number),
    ),
  );
  agent.destroy();
  return samples;
}

function cpuSeconds({ pid }: Component): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function quantile(samples: readonly Sample[], part: number): number {
  const sorted = samples.map(({ milliseconds }) => milliseconds).sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN;
}

function reportOf(
  rate: number,
  without: Measured,
  nodded: Measured,
  judged: Measured,
  alone: readonly Sample[],
): string {
  const rows = [
    ['all', 'all'],
    ['Pods that are new', 'created'],
    ['Pods applied again as they are', 'unchanged'],
  ].map(([title = '', kind]) => {
    const at = (part: number) =>
      [without, nodded, judged].map(({ samples }) =>
        quantile(
          samples.filter((each) => kind === 'all' || each.kind === kind),
          part,
        ),
      ) as [number, number, number];
    const [a50, n50, b50] = at(0.5);
    const [a95, n95, b95] = at(0.95);
    const added = (more: number) => `+${more.toFixed(2)} ms`;
    const reached = b50 - a50 <= aim.median && b95 - a95 <= aim.p95;
    return [
      title,
      ...[a50.toFixed(1), added(n50 - a50), added(b50 - a50)],
      ...[a95.toFixed(1), added(n95 - a95), added(b95 - a95)],
      kind === 'all' ? `≤ ${aim.median}, ≤ ${aim.p95} ms ${reached ? 'reached' : 'MISSED'}` : '',
    ];
  });
  const head = ['', 'median', 'nodding adds', 'judging adds', 'p95', 'nodding adds', 'judging adds', 'aim'];
  const usedBy = ({ cpuSeconds: used, seconds, memory }: Measured) =>
    `${((100 * used) / seconds).toFixed(0)} % of one core and ${memory.toFixed(0)} MiB`;
  return [
    `(n) the webhook with ${wantedPolicies} Pod Security policies, ${rate} dry runs a second through kube-apiserver, in turns of ${judged.seconds} s in all`,
    alignedText([head, ...rows]),
    `  asked without an API server between, it answers in ${(['created', 'unchanged'] as const)
      .map((kind) => {
        const of = alone.filter((each) => each.kind === kind);
        return `${quantile(of, 0.5).toFixed(2)} ms (p95 ${quantile(of, 0.95).toFixed(2)}) for what is ${kind}`;
      })
      .join(', ')}`,
    `  the webhook took ${usedBy(judged)}, one that nods to everything unread ${usedBy(nodded)}; each request is timed from when it was due`,
    '',
  ].join('\n');
}

/** The same answers without a server: what judging costs, and what remembering saves. */
async function alone(scratch: string, folder: string, quick: boolean): Promise<string> {
  const over = new AbortController();
  const world = { env: {}, temporaryFolder: join(scratch, 'tmp'), program: cli };
  const gates = await openGates(
    { folder, pollMs: 60_000 },
    { world, log: SILENT_LOG, metrics: NO_METRICS },
    over.signal,
  );
  const now = () => performance.now();
  const review = createReviewer({
    gates,
    namespaces: { known: (name) => ({ name, labels: {} }), find: async (name) => ({ name, labels: {} }) },
    match: 'flux',
    excluded: [],
    memory: createMemory(now),
    rememberMs: ({ rememberMs = 0 }) => rememberMs,
    log: SILENT_LOG,
    metrics: NO_METRICS,
    now,
  });
  const count = 1000;
  const ask = async (bodies: readonly Buffer[]) => {
    for (const body of bodies) await askOne(review, body, over.signal);
  };
  const created = Array.from({ length: count }, (_, i) => reviewOf('CREATE', `made-${i}`, i));
  const unchanged = Array.from({ length: count }, (_, i) => reviewOf('UPDATE', `standing-${i % standing}`, i));
  const [a, b] = await compare(
    [workContender('judged', () => ask(created)), workContender('remembered', () => ask(unchanged))],
    quick ? 3 : 15,
    2,
  );
  over.abort();
  await gates.close();
  if (a === undefined || b === undefined) throw new Error('nothing was measured');
  return sectionText({
    title: `(n) ${count} reviews of ${unchanged[0]?.length ?? 0} bytes in one process, without a server`,
    lines: [
      { what: 'a Pod that is new', timing: a },
      {
        what: 'a Pod as it is there',
        timing: b,
        against: a,
        aim: { text: '≤ 100 µs each', reached: b.median <= 100 },
      },
    ],
  });
}

async function askOne(review: Reviewer, body: Buffer, signal: AbortSignal): Promise<void> {
  const answer = await review(body, { receivedAt: performance.now(), withinMs: 8500, signal });
  if (!answer.includes('"allowed":true')) throw new Error(answer);
}

function reviewOf(operation: 'CREATE' | 'UPDATE', name: string, number: number): Buffer {
  const kind = { group: '', version: 'v1', kind: 'Pod' };
  const resource = { group: '', version: 'v1', resource: 'pods' };
  const object = pod(name);
  return Buffer.from(
    JSON.stringify({
      kind: 'AdmissionReview',
      apiVersion: 'admission.k8s.io/v1',
      request: {
        uid: `00000000-0000-0000-0000-${String(number).padStart(12, '0')}`,
        ...{ kind, resource, requestKind: kind, requestResource: resource, name, namespace: 'apps', operation },
        userInfo: { username: 'system:serviceaccount:flux-system:kustomize-controller', groups: [] },
        object,
        oldObject: operation === 'UPDATE' ? object : null,
        dryRun: true,
        options: { kind: 'PatchOptions', apiVersion: 'meta.k8s.io/v1', fieldManager: 'kustomize-controller' },
      },
    }),
  );
}
