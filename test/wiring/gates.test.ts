/** Which Gate governs a namespace, and what becomes of one whose files change: real files, real policies. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NO_METRICS, SILENT_LOG } from '../../src/core/telemetry.ts';
import type { Gates, Governing, StandingGate } from '../../src/gates.ts';
import { plainRequest } from '../../src/render/request.ts';
import { openGate } from '../../src/wiring/gate.ts';
import { type GatesPorts, openGates } from '../../src/wiring/gates.ts';

let root = '';
let opened: Gates[] = [];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'syncgate-test-gates-'));
  for (const name of ['gates', 'rules', 'tmp']) mkdirSync(join(root, name));
  putRule('team');
});
afterEach(async () => {
  await Promise.all(opened.map((gates) => gates.close()));
  opened = [];
  rmSync(root, { recursive: true, force: true });
});

/** Written aside and renamed, as a mount is exchanged. */
function put(path: string, text: string): void {
  writeFileSync(join(root, 'tmp/new'), text);
  renameSync(join(root, 'tmp/new'), join(root, path));
}

function putRule(label: string): void {
  const pattern = { metadata: { labels: { [label]: '?*' } } };
  const rule = {
    name: 'labelled',
    match: { any: [{ resources: { kinds: ['ConfigMap'] } }] },
    validate: { message: `${label} is missing`, pattern },
  };
  const spec = { validationFailureAction: 'Enforce', rules: [rule] };
  put(
    'rules/labelled.yaml',
    JSON.stringify({ apiVersion: 'kyverno.io/v1', kind: 'ClusterPolicy', metadata: { name: 'labelled' }, spec }),
  );
}

function putGate(name: string, namespaces: unknown, policies = ['../rules'], file = name): void {
  const spec = { namespaces, policies: policies.map((path) => ({ path })), images: 'unchecked' };
  put(
    `gates/${file}.yaml`,
    JSON.stringify({ apiVersion: 'syncgate.dev/v1alpha1', kind: 'Gate', metadata: { name }, spec }),
  );
}

const world = () => ({ env: {}, temporaryFolder: join(root, 'tmp'), program: '' });

async function open(ports: Pick<GatesPorts, 'open'> = {}): Promise<Gates> {
  const gates = await openGates(
    { folder: join(root, 'gates'), pollMs: 20 },
    {
      world: world(),
      log: SILENT_LOG,
      metrics: NO_METRICS,
      ...ports,
    },
    new AbortController().signal,
  );
  opened.push(gates);
  return gates;
}

const of = (gates: Gates, name: string, labels: Record<string, string> = {}) => gates.of({ name, labels });

function theGate(governing: Governing): StandingGate {
  if (governing.kind !== 'one') throw new Error(JSON.stringify(governing));
  return governing.gate;
}

function configMap(labels: Record<string, string>) {
  const text = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c', labels } });
  return { ...plainRequest({ kind: 'stdin' as const, bytes: Buffer.from(text) }), destinationNamespace: 'a' };
}

const signal = new AbortController().signal;
const changed = (gates: Gates) => new Promise<readonly string[]>((done) => gates.onChange(done));

describe('the Gate of a namespace', () => {
  it('is the one whose names and labels fit', async () => {
    putGate('teams', { names: ['team-*', 'shop'] });
    putGate('labelled', { selector: { matchLabels: { gate: 'strict' } } });
    putGate('both', {
      names: ['x-*'],
      selector: { matchExpressions: [{ key: 'tier', operator: 'In', values: ['prod'] }] },
    });
    const gates = await open();
    expect(theGate(of(gates, 'team-a')).name).toBe('teams');
    expect(theGate(of(gates, 'shop')).name).toBe('teams');
    expect(theGate(of(gates, 'other', { gate: 'strict' })).name).toBe('labelled');
    expect(theGate(of(gates, 'x-1', { tier: 'prod' })).name).toBe('both');
    expect(of(gates, 'x-1', { tier: 'dev' }).kind).toBe('none');
    expect(of(gates, 'other').kind).toBe('none');
    expect(of(gates, 'shop2').kind).toBe('none');
  });

  it('is none where two fit, and both are named', async () => {
    putGate('one', { names: ['*'] });
    putGate('two', { selector: { matchLabels: { gate: 'strict' } } });
    const gates = await open();
    expect(of(gates, 'a', { gate: 'strict' })).toEqual({ kind: 'several', names: ['one', 'two'] });
    expect(theGate(of(gates, 'a')).name).toBe('one');
  });

  it('judges objects of the cluster where it says so', async () => {
    putGate('one', { names: ['*'] });
    const gates = await open();
    expect(gates.ofCluster().kind).toBe('none');
    putGate('cluster', { clusterObjects: true });
    await changed(gates);
    expect(theGate(gates.ofCluster()).name).toBe('cluster');
    expect(theGate(of(gates, 'a')).name).toBe('one');
  });

  it.each<[string, () => void, RegExp]>([
    ['no file at all', () => rmSync(join(root, 'gates/fine.yaml')), /holds no Gate/],
    ['a folder that is gone', () => rmSync(join(root, 'gates'), { recursive: true }), /cannot be read \(ENOENT\)/],
    ['a Gate without namespaces', () => putGate('a', undefined), /does not say which namespaces/],
    ['one that selects nothing', () => putGate('a', {}), /selects nothing/],
    ['a selector that is none', () => putGate('a', { selector: { matchLabel: {} } }), /no field/],
    ['an unknown field', () => putGate('a', { name: ['*'] }), /name/],
    ['a file that is no YAML', () => put('gates/b.yaml', '{'), /CONFIG_INVALID/],
    [
      'two of one name',
      () => {
        putGate('a', { names: ['a'] });
        putGate('a', { names: ['b'] }, ['../rules'], 'again');
      },
      /two Gates are called a/,
    ],
  ])('is unknown with %s, whatever else is there', async (_, prepare, why) => {
    putGate('fine', { names: ['fine'] });
    prepare();
    const gates = await open();
    const answer = of(gates, 'fine');
    expect(answer).toMatchObject({ kind: 'unavailable', why: expect.stringMatching(why) });
    expect(gates.ofCluster().kind).toBe('unavailable');
  });

  it('refuses where its own rules cannot be loaded, and others go on', async () => {
    putGate('broken', { names: ['a'] }, ['../nothing']);
    putGate('fine', { names: ['b'] });
    const gates = await open();
    expect(of(gates, 'a')).toMatchObject({ kind: 'unavailable', why: expect.stringContaining('POLICY_MISSING') });
    expect(theGate(of(gates, 'b')).name).toBe('fine');
  });
});

describe('rules that change', () => {
  it('hold from then on, with another digest, and only their Gate is told of', async () => {
    putGate('one', { names: ['a'] });
    putGate('other', { names: ['b'] }, []);
    const gates = await open();
    const before = theGate(of(gates, 'a'));
    expect((await before.judge(configMap({ team: 'x' }), signal)).decision.verdict).toBe('allowed');
    expect((await before.judge(configMap({ owner: 'x' }), signal)).manifests).toBeUndefined();
    const untouched = theGate(of(gates, 'b'));
    const told = changed(gates);
    putRule('owner');
    expect(await told).toEqual(['one']);
    const after = theGate(of(gates, 'a'));
    expect(after.rules).not.toBe(before.rules);
    expect((await after.judge(configMap({ team: 'x' }), signal)).decision.verdict).toBe('denied');
    expect((await after.judge(configMap({ owner: 'x' }), signal)).decision.verdict).toBe('allowed');
    expect(theGate(of(gates, 'b'))).toBe(untouched);
    const back = changed(gates);
    putRule('team');
    await back;
    expect(theGate(of(gates, 'a')).rules).toBe(before.rules);
  });

  it('hold although they were written while the old ones were read', async () => {
    putGate('one', { names: ['a'] });
    let loads = 0;
    const gates = await open({
      open(config, stop) {
        const gate = openGate(config, world(), stop, 'many verdicts');
        const loaded = async () => {
          await gate.loaded();
          loads += 1;
          if (loads === 1) putRule('owner');
        };
        return { ...gate, loaded };
      },
    });
    const between = theGate(of(gates, 'a')).rules;
    expect(await changed(gates)).toEqual(['one']);
    const after = theGate(of(gates, 'a'));
    expect((await after.judge(configMap({ team: 'x' }), signal)).decision.verdict).toBe('denied');
    expect(after.rules).not.toBe(between);
  });

  it('judge nothing where they are broken, until they are mended', async () => {
    putGate('one', { names: ['a'] });
    const gates = await open();
    let told = changed(gates);
    put('rules/labelled.yaml', '{"apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy"}');
    expect(await told).toEqual(['one']);
    expect(of(gates, 'a').kind).toBe('unavailable');
    told = changed(gates);
    putRule('team');
    await told;
    expect(of(gates, 'a').kind).toBe('one');
  });

  it('make every answer unknown while a Gate cannot be read', async () => {
    putGate('one', { names: ['a'] });
    const gates = await open();
    let told = changed(gates);
    put('gates/two.yaml', 'kind: Gate\n');
    await told;
    expect(of(gates, 'a').kind).toBe('unavailable');
    told = changed(gates);
    rmSync(join(root, 'gates/two.yaml'));
    await told;
    expect(of(gates, 'a').kind).toBe('one');
  });

  it('leave a verdict that has begun to end under the old ones', async () => {
    putGate('one', { names: ['a'] });
    const gates = await open();
    const judged = theGate(of(gates, 'a')).judge(configMap({ team: 'x' }), signal);
    const told = changed(gates);
    putRule('owner');
    await told;
    expect((await judged).decision.verdict).toBe('allowed');
  });

  it('are also asked of what was let out before, as it was', async () => {
    putGate('one', { names: ['a'] });
    const gates = await open();
    const judged = await theGate(of(gates, 'a')).judge(configMap({ team: 'x' }), signal);
    const manifests = Buffer.from(judged.manifests ?? '');
    expect((await theGate(of(gates, 'a')).judgeAgain(manifests, 'a', signal)).verdict).toBe('allowed');
    const told = changed(gates);
    putRule('owner');
    await told;
    const again = await theGate(of(gates, 'a')).judgeAgain(manifests, 'a', signal);
    expect(again.verdict).toBe('denied');
    expect(again.reasons[0]?.message).toContain('owner is missing');
  });

  it('stop nothing by their deadline but the verdict', async () => {
    putGate('one', { names: ['a'] });
    const gates = await open();
    const judged = await theGate(of(gates, 'a')).judge(configMap({ team: 'x' }), AbortSignal.abort());
    expect(judged.decision.verdict).toBe('unevaluated');
    expect(judged.manifests).toBeUndefined();
  });
});
