/** Which Gate governs a namespace, and what becomes of one whose files change: real files, real policies. */
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { monotonicClock } from '../../src/core/deadline.ts';
import { type Log, type LogFields, NO_METRICS, SILENT_LOG } from '../../src/core/telemetry.ts';
import type { Gates, Governing, StandingGate } from '../../src/gates.ts';
import { plainRequest } from '../../src/render/request.ts';
import { openGate } from '../../src/wiring/gate.ts';
import { type GatesPorts, openGates } from '../../src/wiring/gates.ts';
import { type LoadedGate, loadGate, type OpenConfig } from '../../src/wiring/loaded-gate.ts';
import { hurried } from '../support/hurried.ts';

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

function readRule(): string {
  return readFileSync(join(root, 'rules/labelled.yaml'), 'utf8');
}

function putGate(name: string, namespaces: unknown, policies = ['../rules'], file = name): void {
  const spec = { namespaces, policies: policies.map((path) => ({ path })), images: 'unchecked' };
  put(
    `gates/${file}.yaml`,
    JSON.stringify({ apiVersion: 'syncgate.dev/v1alpha1', kind: 'Gate', metadata: { name }, spec }),
  );
}

const world = () => ({ env: {}, temporaryFolder: join(root, 'tmp'), program: '' });

async function openAll(ports: Partial<GatesPorts> = {}): Promise<Gates> {
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
    const gates = await openAll();
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
    const gates = await openAll();
    expect(of(gates, 'a', { gate: 'strict' })).toEqual({ kind: 'several', names: ['one', 'two'] });
    expect(theGate(of(gates, 'a')).name).toBe('one');
  });

  it('judges objects of the cluster where it says so', async () => {
    putGate('one', { names: ['*'] });
    const gates = await openAll();
    expect(gates.ofCluster().kind).toBe('none');
    putGate('cluster', { clusterObjects: true });
    await changed(gates);
    expect(theGate(gates.ofCluster()).name).toBe('cluster');
    expect(theGate(of(gates, 'a')).name).toBe('one');
  });

  it.each<[string, () => void, RegExp]>([
    [
      'no file at all',
      () => rmSync(join(root, 'gates/fine.yaml')),
      /^CONFIG_MISSING the folder .*holds no Gate.* Mount .*--gates\.$/,
    ],
    [
      'a folder that is gone',
      () => rmSync(join(root, 'gates'), { recursive: true }),
      /^CONFIG_MISSING the folder .*cannot be read \(ENOENT\)\. Mount .*--gates\.$/,
    ],
    [
      'a Gate without namespaces',
      () => putGate('a', undefined),
      /^CONFIG_INVALID a\.yaml:1:\d+: .*does not say which namespaces it governs\. Write spec\.namespaces\.$/,
    ],
    [
      'one that selects nothing',
      () => putGate('a', {}),
      /^CONFIG_INVALID a\.yaml:1:\d+: spec\.namespaces selects nothing\. /,
    ],
    [
      'a selector that is none',
      () => putGate('a', { selector: { matchLabel: {} } }),
      /^CONFIG_INVALID a\.yaml:1:\d+: spec\.namespaces\.selector: .*no field.* Write matchLabels/,
    ],
    ['an unknown field', () => putGate('a', { name: ['*'] }), /^CONFIG_INVALID a\.yaml:1:\d+: unknown key "name"/],
    ['a file that is no YAML', () => put('gates/b.yaml', '{'), /^CONFIG_INVALID b\.yaml:1:2: .*\. Correct the line/],
    [
      'two mistakes at once',
      () => {
        put('gates/b.yaml', '{');
        putGate('c', {});
      },
      /^CONFIG_INVALID b\.yaml:.* \| CONFIG_INVALID c\.yaml:/,
    ],
    [
      'two of one name',
      () => {
        putGate('a', { names: ['a'] });
        putGate('a', { names: ['b'] }, ['../rules'], 'again');
      },
      /^CONFIG_INVALID again\.yaml:1:\d+: .*two Gates are called a, the other in a\.yaml\. Give each/,
    ],
  ])('is unknown with %s, whatever else is there', async (_, prepare, why) => {
    putGate('fine', { names: ['fine'] });
    prepare();
    const gates = await openAll();
    const answer = of(gates, 'fine');
    expect(answer).toMatchObject({ kind: 'unavailable', why: expect.stringMatching(why) });
    expect(JSON.stringify(answer)).not.toContain(root);
    expect(gates.ofCluster().kind).toBe('unavailable');
  });

  it('refuses where its own rules cannot be loaded, and others go on', async () => {
    putGate('broken', { names: ['a'] }, ['../rules', '../nothing'], 'broken-file');
    putGate('fine', { names: ['b'] });
    const gates = await openAll();
    const message =
      /^Gate broken \(broken-file\.yaml\): POLICY_MISSING broken-file\.yaml:1:\d+: spec\.policies\[1\]\.path: \.\.\/nothing does not exist\. Correct the path/;
    expect(of(gates, 'a')).toMatchObject({ kind: 'unavailable', why: expect.stringMatching(message) });
    expect(JSON.stringify(of(gates, 'a'))).not.toContain(root);
    expect(theGate(of(gates, 'b')).name).toBe('fine');
  });

  it('names the line of the Gate that names a folder without a policy', async () => {
    mkdirSync(join(root, 'empty'));
    putGate('one', { names: ['a'] }, ['../rules', '../empty']);
    const message = /POLICY_MISSING one\.yaml:1:\d+: spec\.policies\[1\]\.path: \.\.\/empty holds no policy\./;
    expect(of(await openAll(), 'a')).toMatchObject({ kind: 'unavailable', why: expect.stringMatching(message) });
  });

  it.each([
    [
      { trust: [{ path: '../trst' }] },
      /IMAGE_POLICY_MISSING one\.yaml:1:\d+: spec\.images\.trust\[0\]\.path: \.\.\/trst does/,
    ],
    [
      { trust: [{ path: '../rules' }], trustRoots: { files: { 'public-good': 'root.json' } } },
      /IMAGE_TRUST_ROOT_MISSING one\.yaml:1:\d+: spec\.images\.trustRoots\.files\.public-good: root\.json does/,
    ],
  ])('names the line of the Gate that names what is not there: %j', async (images, message) => {
    const spec = { namespaces: { names: ['a'] }, policies: [], images: { unmatched: 'deny', pin: true, ...images } };
    const gate = { apiVersion: 'syncgate.dev/v1alpha1', kind: 'Gate', metadata: { name: 'one' }, spec };
    put('gates/one.yaml', JSON.stringify(gate));
    expect(of(await openAll(), 'a')).toMatchObject({ kind: 'unavailable', why: expect.stringMatching(message) });
  });
});

describe('rules that change', () => {
  it('hold from then on, with another digest, and only their Gate is told of', async () => {
    putGate('one', { names: ['a'] });
    putGate('other', { names: ['b'] }, []);
    const gates = await openAll();
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
    const gates = await openAll({
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
    const gates = await openAll();
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
    const gates = await openAll();
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
    const gates = await openAll();
    const judged = theGate(of(gates, 'a')).judge(configMap({ team: 'x' }), signal);
    const told = changed(gates);
    putRule('owner');
    await told;
    expect((await judged).decision.verdict).toBe('allowed');
  });

  it('are also asked of what was let out before, as it was', async () => {
    putGate('one', { names: ['a'] });
    const gates = await openAll();
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
    const gates = await openAll();
    const judged = await theGate(of(gates, 'a')).judge(configMap({ team: 'x' }), AbortSignal.abort());
    expect(judged.decision.verdict).toBe('unevaluated');
    expect(judged.manifests).toBeUndefined();
  });
});

/** What is said, and what is measured now. */
function listening() {
  const lines: (LogFields & { readonly level: string; readonly msg: string })[] = [];
  const note = (level: string) => (msg: string, fields?: LogFields) => void lines.push({ ...fields, level, msg });
  const log: Log = { ...SILENT_LOG, info: note('info'), warn: note('warn'), error: note('error') };
  const measured = new Map<string, number>();
  const id = (name: string, labels: object) => [name, ...Object.values(labels)].join(' ');
  const metrics = {
    ...NO_METRICS,
    set: (name: string, labels: object, value: number) => void measured.set(id(name, labels), value),
    forget: (name: string, labels: object) => void measured.delete(id(name, labels)),
  };
  return { lines, measured, ports: { log, metrics } };
}

const brokenRule = '{"apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy"}';

describe('a machine that fails for a moment', () => {
  /** Whatever a Gate is opened with fails while it is broken. */
  function breaking() {
    const state = { isBroken: false };
    const open: OpenConfig = (config, stop) => {
      if (state.isBroken) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
      return openGate(config, world(), stop, 'many verdicts');
    };
    return { state, open };
  }

  it('stops the Gate alone that was loaded then, and that until it is tried again', async () => {
    putGate('one', { names: ['a'] });
    mkdirSync(join(root, 'other'));
    put('other/labelled.yaml', readRule());
    putGate('two', { names: ['b'] }, ['../other']);
    const { state, open } = breaking();
    const gates = await openAll({ open, timers: hurried });
    state.isBroken = true;
    putRule('owner');
    await until(() => of(gates, 'a').kind !== 'one');
    expect(of(gates, 'a')).toMatchObject({ kind: 'unavailable', why: expect.stringContaining('Gate one (one.yaml)') });
    expect(theGate(of(gates, 'b')).name).toBe('two');
    state.isBroken = false;
    await until(() => of(gates, 'a').kind === 'one');
    const { decision } = await theGate(of(gates, 'a')).judge(configMap({ team: 'x' }), signal);
    expect(decision.reasons[0]?.message).toContain('owner is missing');
  });

  it('and cannot read the folder, stops every Gate until it can', async () => {
    putGate('one', { names: ['a'] });
    const gates = await openAll({ timers: hurried });
    renameSync(join(root, 'gates'), join(root, 'away'));
    await until(() => of(gates, 'a').kind !== 'one');
    renameSync(join(root, 'away'), join(root, 'gates'));
    await until(() => of(gates, 'a').kind === 'one');
  });

  it('is survived by whoever follows the rules', async () => {
    putGate('one', { names: ['a'] });
    const failures: unknown[] = [];
    const log: Log = { ...SILENT_LOG, error: (...said) => void failures.push(said) };
    const gates = await openAll({ log });
    let isFirst = true;
    gates.onChange(() => {
      if (!isFirst) return;
      isFirst = false;
      throw new Error('whoever is told fails');
    });
    putRule('owner');
    await until(() => failures.length > 0);
    putRule('cost-center');
    await changed(gates);
    const { decision } = await theGate(of(gates, 'a')).judge(configMap({ team: 'x' }), signal);
    expect(decision.reasons[0]?.message).toContain('cost-center is missing');
  });
});

describe('files that never stay as they are', () => {
  it('keep no other Gate from its rules, and their own not for ever', async () => {
    putGate('one', { names: ['a'] });
    mkdirSync(join(root, 'other'));
    put('other/labelled.yaml', readRule());
    putGate('two', { names: ['b'] }, ['../other']);
    const gates = await openAll({ timers: hurried });
    let count = 0;
    const restless = setInterval(() => put('other/README.md', String(count++)), 3);
    try {
      for (const [namespace, path] of [
        ['a', 'rules/labelled.yaml'],
        ['b', 'other/labelled.yaml'],
      ] as const) {
        put(path, readRule().replaceAll('team', 'owner'));
        const verdict = async () => {
          const governing = of(gates, namespace);
          if (governing.kind !== 'one') return '';
          return (await governing.gate.judge(configMap({ team: 'x' }), signal)).decision.reasons[0]?.message ?? '';
        };
        await expect.poll(verdict, { timeout: 20_000 }).toContain('owner is missing');
      }
    } finally {
      clearInterval(restless);
    }
  });
});

describe('rules that nobody ever finishes loading', () => {
  it('refuse what their Gate governs, say so, are tried again, and hold up no other Gate', async () => {
    putGate('one', { names: ['a'] });
    putGate('two', { names: ['b'] });
    const stops: AbortSignal[] = [];
    const gates = await openAll({
      timers: hurried,
      open: (config, stop) => {
        const gate = openGate(config, world(), stop, 'many verdicts');
        if (config.name !== 'one') return gate;
        stops.push(stop);
        return { ...gate, loaded: () => new Promise(() => {}) };
      },
    });
    expect(of(gates, 'a')).toEqual({
      kind: 'unavailable',
      why: 'Gate one (one.yaml): CHECK_TIMEOUT its rules were not loaded within 120 s. It is tried again within minutes; find out what they wait for.',
    });
    expect(stops.map(({ aborted }) => aborted)).toEqual([true]);
    expect(theGate(of(gates, 'b')).name).toBe('two');
    putRule('owner');
    await changed(gates);
    const { decision } = await theGate(of(gates, 'b')).judge(configMap({ team: 'x' }), signal);
    expect(decision.reasons[0]?.message).toContain('owner is missing');
  });

  it('are tried again though no file changes', async () => {
    putGate('one', { names: ['a'] });
    const open: OpenConfig = (config, stop) => ({
      ...openGate(config, world(), stop),
      loaded: () => new Promise(() => {}),
    });
    const loaded = await loadGate(join(root, 'gates/one.yaml'), open, signal, { timers: hurried });
    expect(loaded.dueAt - hurried.now()).toBeLessThanOrEqual(60_000);
    await loaded.close();
  });
});

describe('whoever watches the Gates', () => {
  it('sees how many cannot be loaded, and that rules are the newest only where all are', async () => {
    putGate('one', { names: ['a'] });
    putGate('broken', { names: ['b'] }, ['../nothing']);
    const { measured, ports } = listening();
    const gates = await openAll(ports);
    expect(measured.get('syncgate_gates_loaded')).toBe(1);
    expect(measured.get('syncgate_gates_failed')).toBe(1);
    expect(measured.has('syncgate_rules_loaded_timestamp_seconds')).toBe(false);
    expect(measured.has('syncgate_gate_loaded_timestamp_seconds one')).toBe(true);
    expect(measured.has('syncgate_gate_loaded_timestamp_seconds broken')).toBe(false);
    let told = changed(gates);
    put('gates/two.yaml', '{');
    await told;
    expect(measured.get('syncgate_gates_loaded')).toBe(0);
    expect(measured.get('syncgate_gates_failed')).toBe(2);
    told = changed(gates);
    rmSync(join(root, 'gates/two.yaml'));
    rmSync(join(root, 'gates/broken.yaml'));
    await told;
    expect(measured.get('syncgate_gates_loaded')).toBe(1);
    expect(measured.get('syncgate_gates_failed')).toBe(0);
    expect(measured.get('syncgate_rules_loaded_timestamp_seconds')).toBeGreaterThan(1_700_000_000);
    told = changed(gates);
    rmSync(join(root, 'gates/one.yaml'));
    await told;
    expect(measured.get('syncgate_gates_failed')).toBe(1);
    expect(measured.has('syncgate_gate_loaded_timestamp_seconds one')).toBe(false);
  });

  it('is told of the rules that are not evaluated, and of hazards', async () => {
    const rules = Array.from({ length: 7 }, (_, i) => ({
      name: `add-${i}`,
      match: { any: [{ resources: { kinds: ['ConfigMap'] } }] },
      mutate: { patchStrategicMerge: { metadata: { labels: { team: 'x' } } } },
    }));
    const policy = { apiVersion: 'kyverno.io/v1', kind: 'ClusterPolicy', metadata: { name: 'add' }, spec: { rules } };
    put('rules/add.yaml', JSON.stringify(policy));
    put('rules/typo.yaml', readRule().replace('"labelled"', '"typo"').replace('ConfigMap', 'Confgmap'));
    putGate('one', { names: ['a'] });
    const { lines, measured, ports } = listening();
    await openAll(ports);
    const loaded = lines.find(({ msg }) => msg === 'Gate loaded');
    expect(loaded).toMatchObject({ gate: 'one', file: 'one.yaml', notEvaluated: 7 });
    const silent = lines.find(({ msg }) => msg === 'rules of a Gate are not evaluated');
    expect(silent).toMatchObject({ level: 'warn', gate: 'one', count: 7 });
    expect(silent?.['first']).toHaveLength(5);
    expect(silent?.['first']).toContainEqual(expect.stringMatching(/^ClusterPolicy add add-0 \(/));
    expect(lines.find(({ msg }) => msg === 'the rules of a Gate hold a hazard')).toMatchObject({
      level: 'warn',
      first: [expect.stringMatching(/^POLICY_HAZARD .*Confgmap/)],
    });
    expect(measured.get('syncgate_gate_warnings one POLICY_HAZARD')).toBe(1);
  });

  it('is told of what is new alone', async () => {
    putGate('one', { names: ['a'] });
    putGate('other', { names: ['b'] }, []);
    const { lines, ports } = listening();
    const gates = await openAll(ports);
    expect(lines.filter(({ msg }) => msg === 'Gate loaded')).toHaveLength(2);
    const told = changed(gates);
    putRule('owner');
    await told;
    expect(lines.filter(({ msg }) => msg === 'Gate loaded').map(({ gate }) => gate)).toEqual(['one', 'other', 'one']);
  });
});

describe('a mistake that becomes another one', () => {
  it('is told of, in the rules of a Gate', async () => {
    put('rules/labelled.yaml', brokenRule);
    putGate('one', { names: ['a'] });
    const gates = await openAll();
    const before = JSON.stringify(of(gates, 'a'));
    const told = changed(gates);
    put('rules/labelled.yaml', '{');
    expect(await told).toEqual(['one']);
    expect(of(gates, 'a').kind).toBe('unavailable');
    expect(JSON.stringify(of(gates, 'a'))).not.toBe(before);
  });

  it('is told of, in the files of the Gates', async () => {
    putGate('one', { names: ['a'] });
    put('gates/two.yaml', '{');
    const gates = await openAll();
    const told = changed(gates);
    putGate('two', {});
    await told;
    expect(of(gates, 'a')).toMatchObject({ kind: 'unavailable', why: expect.stringContaining('selects nothing') });
  });

  it('is told of once: what stays as it is tells nobody anything', async () => {
    putGate('one', { names: ['a'] });
    let loads = 0;
    const gates = await openAll({
      open(config, stop) {
        const gate = openGate(config, world(), stop, 'many verdicts');
        return {
          ...gate,
          loaded() {
            loads += 1;
            return gate.loaded();
          },
        };
      },
    });
    let told = 0;
    gates.onChange(() => {
      told += 1;
    });
    put('gates/two.yaml', '{');
    const loadsSoFar = loads;
    // Written anew with the same mistake, so that it is read again; then others follow, which is how long that took.
    await until(() => told === 1);
    put('gates/two.yaml', '{');
    put('gates/three.yaml', '{');
    await until(() => told === 2);
    await new Promise((done) => setTimeout(done, 300));
    expect(told).toBe(2);
    expect(loads).toBe(loadsSoFar);
  });
});

describe('what is loaded', () => {
  const hour = 3600_000;
  const minute = 60_000;
  const images = { trust: [{ path: '../trust' }], unmatched: 'deny', pin: true };
  const refreshed = { ...images, trustRoots: { refresh: true } };
  /** A clock that stands still: what is due is due so long after its 0. */
  const timers = { ...monotonicClock, now: () => 0 };

  function gateWith(roots: { readonly expiresIn?: number; readonly isFetched?: boolean } | 'fails') {
    const { expiresIn = undefined, isFetched = true } = roots === 'fails' ? {} : roots;
    const open: OpenConfig = (config, stop) => ({
      ...openGate({ ...config, spec: { ...config.spec, images: 'unchecked' } }, world(), stop),
      async loaded() {
        if (roots === 'fails') throw new Error('nothing was fetched');
      },
      async trust() {
        const expires = expiresIn === undefined ? undefined : new Date(Date.now() + expiresIn);
        return { warnings: [], roots: { asOf: undefined, expires, isFetched } };
      },
    });
    return open;
  }

  function putGateOf(imagesOf: unknown): string {
    const spec = { namespaces: { names: ['a'] }, policies: [], images: imagesOf };
    const gate = { apiVersion: 'syncgate.dev/v1alpha1', kind: 'Gate', metadata: { name: 'one' }, spec };
    put('gates/one.yaml', JSON.stringify(gate));
    return join(root, 'gates/one.yaml');
  }

  it.each([
    ['policies alone: never', 'unchecked', {}, Number.POSITIVE_INFINITY],
    ['trust: within a day', images, {}, 24 * hour],
    ['trust that expires: then', images, { expiresIn: 4 * hour }, 4 * hour],
    ['roots that were fetched: within hours', refreshed, {}, 6 * hour],
    ['roots that were fetched, and expire: then', refreshed, { expiresIn: 4 * hour }, 4 * hour],
    ['roots of before, as none could be fetched: within minutes', refreshed, { isFetched: false }, 5 * minute],
    ['roots that could not be fetched: within a minute', refreshed, 'fails', minute],
    ['trust that cannot be read: within a minute', images, 'fails', minute],
    ['policies that cannot be read: within a minute', 'unchecked', 'fails', minute],
  ] as const)('is loaded again in time though no file changes: %s', async (_, imagesOf, roots, due) => {
    const loaded = await loadGate(putGateOf(imagesOf), gateWith(roots), signal, { timers });
    if (due === Number.POSITIVE_INFINITY) expect(loaded.dueAt).toBe(due);
    else expect(Math.abs(loaded.dueAt - due)).toBeLessThan(minute / 2);
    await loaded.close();
  });

  it('is tried again ever later while it fails, and soon again where its files have changed', async () => {
    const file = putGateOf(images);
    const dues: number[] = [];
    let before: LoadedGate | undefined;
    for (let i = 0; i < 5; i++) {
      before = await loadGate(file, gateWith('fails'), signal, { before, timers });
      dues.push(before.dueAt);
    }
    expect(dues).toEqual([1, 2, 4, 5, 5].map((minutes) => minutes * minute));
    putGateOf({ ...images, pin: false });
    expect((await loadGate(file, gateWith('fails'), signal, { before, timers })).dueAt).toBe(minute);
  });

  it('judges nothing from the moment on at which a root expires, and before it can be loaded again', async () => {
    putGateOf(refreshed);
    let isHeld = false;
    const open: OpenConfig = (config, stop) => {
      const gate = gateWith({ expiresIn: 500 })(config, stop);
      return isHeld ? { ...gate, loaded: () => new Promise(() => {}) } : gate;
    };
    const gates = await openAll({ open });
    isHeld = true;
    expect(of(gates, 'a').kind).toBe('one');
    await until(() => of(gates, 'a').kind !== 'one');
    expect(of(gates, 'a')).toMatchObject({
      kind: 'unavailable',
      why: expect.stringContaining('IMAGE_TRUST_ROOT_EXPIRED'),
    });
  });
});

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((done) => setTimeout(done, 5));
}
