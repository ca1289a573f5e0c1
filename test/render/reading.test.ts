import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bindDeadline } from '../../src/core/deadline.ts';
import { GateError } from '../../src/core/errors.ts';
import { copyChart } from '../../src/render/chart.ts';
import { createCopy } from '../../src/render/copy.ts';
import { readDirectory } from '../../src/render/directory.ts';
import { listFolder } from '../../src/render/flux-kustomization.ts';
import { KustomizationWalk, type Outworld } from '../../src/render/kustomization.ts';
import { Reading } from '../../src/render/reading.ts';
import { PLAIN_FLUX } from '../../src/render/request.ts';
import { resolveValueFiles } from '../../src/render/value-files.ts';
import { openFolder } from '../../src/source/folder.ts';
import { type Files, refusalOf, renderFiles, scratch, writeTree } from '../support/render.ts';

/** Time that passes with every look at it, so that the test does not depend on how fast the machine is. */
function aSignalOf(looks: number): AbortSignal {
  const { signal } = new AbortController();
  let looked = 0;
  bindDeadline(signal, () => ++looked > looks);
  return signal;
}

const many = <Value>(count: number, make: (index: number) => Value): Value[] =>
  Array.from({ length: count }, (_, index) => make(index));
const folders = 400;
const bases: Files = {
  'kustomization.yaml': `resources:\n${many(folders, (i) => `- b${i}\n`).join('')}`,
  ...Object.fromEntries(many(folders, (i) => [`b${i}/kustomization.yaml`, 'namePrefix: a-\n'])),
};
const listed: Files = Object.fromEntries(many(folders, (i) => [`f${i}/a.yaml`, 'a: 1\n']));
const chart: Files = {
  'Chart.yaml': 'name: x\nversion: 1.0.0\n',
  ...Object.fromEntries(many(folders, (i) => [`templates/t${i}.yaml`, 'a: 1\n'])),
};
const nowhere: Outworld = {
  fetchFolder: () => Promise.reject(new Error('nothing is fetched')),
  fetchFile: () => Promise.reject(new Error('nothing is fetched')),
  chart: () => Promise.reject(new Error('there is no chart')),
};

type Read = (root: string, copied: string, reading: Reading) => Promise<unknown>;
const tree = (root: string) => openFolder(root, { files: 10_000, bytes: 1e9, fileBytes: 1e9 });
const readers: [string, Files, Read][] = [
  [
    'a walk through kustomizations',
    bases,
    (root, copied, reading) =>
      new KustomizationWalk(createCopy(copied), nowhere, reading).visit({
        realm: { tree: tree(root), prefix: '.' },
        path: '.',
      }),
  ],
  ['a folder that is listed', listed, (root, _, reading) => listFolder(tree(root), '.', reading)],
  [
    'a chart that is copied',
    chart,
    (root, copied, reading) =>
      copyChart(createCopy(copied), tree(root), { kind: 'folder', path: '.', links: [] }, '.', true, reading),
  ],
  [
    'a folder of manifests',
    listed,
    (root, _, reading) => readDirectory(tree(root), '.', { recurse: true, include: '', exclude: '' }, reading),
  ],
  [
    'a glob of values files',
    listed,
    (root, _, reading) => {
      const wanted = { files: ['**/*.yaml'], ignoreMissing: false, buildEnvironment: {} };
      return resolveValueFiles(tree(root), '.', wanted, reading);
    },
  ],
];

describe('reading many files', () => {
  let source: ReturnType<typeof scratch>;
  let copied: ReturnType<typeof scratch>;
  beforeEach(() => {
    source = scratch();
    copied = scratch();
  });
  afterEach(() => {
    source[Symbol.dispose]();
    copied[Symbol.dispose]();
  });

  it.each(readers)('%s lets others have a turn', async (_, files, read) => {
    writeTree(source.path, files);
    let turns = 0;
    let next = setImmediate(function turn() {
      turns++;
      next = setImmediate(turn);
    });
    await read(source.path, copied.path, new Reading(new AbortController().signal));
    clearImmediate(next);
    expect(turns).toBeGreaterThan(2);
  });

  it.each(readers)('%s ends when the time is over, whoever looks at it', async (_, files, read) => {
    writeTree(source.path, files);
    const reading = new Reading(aSignalOf(100));
    await expect(read(source.path, copied.path, reading)).rejects.toMatchObject({ code: 'RENDER_TIMEOUT' });
  });
});

it('costs no turn where there is little to read', async () => {
  const reading = new Reading(new AbortController().signal);
  let turned = false;
  const turn = setImmediate(() => {
    turned = true;
  });
  for (let i = 0; i < 30; i++) await reading.step(1000);
  clearImmediate(turn);
  expect(turned).toBe(false);
});

it('ends with what the signal aborted with', async () => {
  const over = new AbortController();
  over.abort(new GateError('INTERRUPTED', 'told to stop'));
  await expect(new Reading(over.signal).step()).rejects.toMatchObject({ code: 'INTERRUPTED' });
});

describe('all files that steer a rendering together', () => {
  const asFlux = {
    request: (plain: Parameters<typeof Object.assign>[0]) => ({ ...plain, tool: 'flux', flux: PLAIN_FLUX }),
  };
  const numbers = (count: number) => `namePrefix: a-\nvars: [${'7,'.repeat(count)}]\n`;
  const inFolders = (count: number, text: string): Files => ({
    'kustomization.yaml': `resources:\n${many(count, (i) => `- b${i}\n`).join('')}`,
    ...Object.fromEntries(many(count, (i) => [`b${i}/kustomization.yaml`, text])),
  });

  it.each<[string, Files, string, RegExp]>([
    [
      'values of many kustomizations',
      inFolders(30, numbers(10_000)),
      'flux',
      /^b\d+\/kustomization\.yaml:\d+: more than 250000 values/,
    ],
    [
      'values of one',
      { 'kustomization.yaml': numbers(300_000) },
      'kustomize',
      /^kustomization\.yaml:2: more than 250000 values/,
    ],
    [
      'characters of many',
      inFolders(5, `namePrefix: a-\n#${'x'.repeat(4_000_000)}\n`),
      'flux',
      /: more than 16777216 characters/,
    ],
    [
      'characters of one',
      { 'kustomization.yaml': `#${'x'.repeat(5_000_000)}\n` },
      'flux',
      /^kustomization\.yaml: it is longer than/,
    ],
    [
      'patches that are read as they stand',
      {
        'kustomization.yaml': `a: &a |\n  a: [${'7,'.repeat(9_000)}]\npatchesStrategicMerge: [${'*a,'.repeat(40)}]\n`
          .replace(/^a:/, 'commonAnnotations:\n  a:')
          .replace('\n  a: [', '\n    a: ['),
      },
      'kustomize',
      /^inline:1: more than 250000 values/,
    ],
    [
      'schemas of a chart',
      { ...chart, 'values.schema.json': `[${'[],'.repeat(2_000_000)}[]]` },
      'helm',
      /^values\.schema\.json: it has more than 4194304 bytes/,
    ],
  ])('are bounded: %s', async (_, files, tool, message) => {
    const request = tool === 'flux' ? asFlux.request : (plain: object) => ({ ...plain, tool });
    const error = await refusalOf(renderFiles(files, { request: request as never }));
    expect([error.code, error.message]).toEqual(['SOURCE_TOO_LARGE', expect.stringMatching(message)]);
  });

  it('end at the deadline of the verdict, which no timer of a busy process tells', async () => {
    const exec = () => Promise.reject(new Error('nothing is started'));
    const late = refusalOf(renderFiles(bases, { ...(asFlux as object), ports: { exec }, signal: aSignalOf(100) }));
    expect(await late).toMatchObject({ code: 'RENDER_TIMEOUT' });
  });
});
