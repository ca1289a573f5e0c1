import { describe, expect, it } from 'vitest';
import { type CalledParts, type FluxRequest, PLAIN_FLUX } from '../../src/render/request.ts';
import { type Files, refusalOf, renderFiles } from '../support/render.ts';

const called: CalledParts = {
  path: 'spec.path',
  components: 'spec.components',
  patches: 'spec.patches',
  helm: 'spec.helm',
};
const kustomization = (...lines: string[]) =>
  `apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n${lines.join('\n')}\n`;
const configMap = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata: {x: y}\n';
const own: Files = {
  'app/kustomization.yaml': kustomization(
    'resources: [a.yaml]',
    'components: [c]',
    `patches: [{patch: '[{"op":"add","path":"/data/own","value":"x"}]', target: {kind: ConfigMap}}]`,
  ),
  'app/a.yaml': configMap,
  'app/c/kustomization.yaml': 'apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnameSuffix: -c\n',
  'broken/kustomization.yaml': 'kind: Component\nnosuch: 1\n',
};
const bare: Files = { 'app/a.yaml': configMap };

const refusal = (
  files: Files,
  asked: Partial<FluxRequest>,
  { path = 'app', ...more }: { path?: string; called?: undefined } = {},
) =>
  refusalOf(
    renderFiles(files, {
      path,
      request: (plain) => ({ ...plain, tool: 'flux', flux: { ...PLAIN_FLUX, ...asked }, called, ...more }),
    }),
  );
const patch = (path: string) => ({
  patch: JSON.stringify([{ op: 'add', path, value: 'x' }]),
  target: { kind: 'ConfigMap' },
});
const good = patch('/data/b');
const chart = {
  releaseName: 'web',
  namespace: 'web',
  values: '',
  skipCrds: false,
  skipTests: true,
};

describe('what whoever asks has written is called as they call it', () => {
  it.each<[string, Files, Partial<FluxRequest>, string, string]>([
    [
      'a component that is not there',
      own,
      { components: ['c', '../nosuch'] },
      'RENDER_KUSTOMIZATION',
      'spec.components[1]',
    ],
    ['one of a plain folder', bare, { components: ['../nosuch'] }, 'RENDER_KUSTOMIZATION', 'spec.components[0]'],
    ['a component that is a file', bare, { components: ['a.yaml'] }, 'RENDER_KUSTOMIZATION', 'spec.components[0]'],
    [
      'one behind a component that may be missing',
      own,
      { components: ['../nosuch', 'a.yaml'], ignoreMissingComponents: true },
      'RENDER_KUSTOMIZATION',
      'spec.components[1]',
    ],
    ['a component that leads out', bare, { components: ['../../x'] }, 'SOURCE_OUTSIDE', 'spec.components[0]'],
    ['a patch of nothing', own, { patches: [good, { patch: '' }, good] }, 'RENDER_FAILED', 'spec.patches[1]'],
    [
      'a patch with an odd path',
      own,
      { patches: [good, good, good, patch('nosuch'), good] },
      'RENDER_FAILED',
      'spec.patches[3]',
    ],
    [
      'the first of two bad ones',
      bare,
      { patches: [good, patch('x'), good, patch('y')] },
      'RENDER_FAILED',
      'spec.patches[1]',
    ],
    [
      'the only patch',
      bare,
      { patches: [{ patch: 'kind: Nosuch\nmetadata: {name: x}' }] },
      'RENDER_FAILED',
      'spec.patches[0]',
    ],
  ])('%s', async (_, files, asked, code, place) => {
    const error = await refusal(files, asked);
    expect(error).toMatchObject({ code, place, mend: `Correct ${place}.` });
    expect(error.message.startsWith(`${place}: `)).toBe(true);
  });

  it('a component from elsewhere', async () => {
    expect(await refusal(bare, { components: ['c', 'https://github.com/a/b'] })).toMatchObject({
      code: 'RENDER_REMOTE_REFUSED',
      place: 'spec.components[1]',
      message: 'spec.components[1]: the component "https://github.com/a/b" is not a folder here',
    });
  });

  it('a patch of what a chart renders to', async () => {
    const files = { 'app/Chart.yaml': 'apiVersion: v2\nname: c\nversion: 1.0.0\n', 'app/templates/a.yaml': configMap };
    expect(await refusal(files, { helm: chart, patches: [good, patch('nosuch')] })).toMatchObject({
      code: 'RENDER_FAILED',
      place: 'spec.patches[1]',
    });
  });

  it('a folder that is no chart', async () => {
    expect(await refusal(own, { helm: chart })).toMatchObject({
      code: 'RENDER_CHART',
      place: 'spec.path',
      message: 'spec.helm: spec.path is no chart, because there is no app/Chart.yaml',
      mend: 'Correct spec.path, or take spec.helm out where the source is no chart.',
    });
  });

  it('a path that is not there', async () => {
    expect(await refusal(own, {}, { path: './depoly' })).toMatchObject({
      code: 'SOURCE_MISSING',
      place: 'spec.path',
      message: 'spec.path: ./depoly does not exist in the source',
      mend: 'Correct spec.path.',
    });
  });
});

describe('what the source has written is called as before', () => {
  it('a fault inside a component', async () => {
    expect(await refusal(own, { components: ['../broken'] })).toMatchObject({
      code: 'RENDER_KUSTOMIZATION',
      place: 'broken/kustomization.yaml:2 (nosuch)',
      mend: 'Correct the kustomization.',
    });
  });

  it('a component of its own', async () => {
    const files = { ...own, 'app/kustomization.yaml': kustomization('resources: [a.yaml]', 'components: [nosuch]') };
    expect(await refusal(files, { components: ['c'] })).toMatchObject({
      place: 'app/kustomization.yaml:4 (components[0])',
      mend: 'Correct the kustomization.',
    });
  });

  it('a fault that is there without the patches', async () => {
    const error = await refusal({ 'app/a.yaml': 'a: [\n' }, { patches: [good] });
    expect(error).toMatchObject({ code: 'RENDER_FAILED', mend: expect.stringContaining('Correct the source') });
    expect(error.message).toMatch(/^kustomize build app failed/);
  });
});

describe('without names for its parts', () => {
  it.each<[string, Partial<FluxRequest>, object]>([
    ['a component', { components: ['../nosuch'] }, { mend: 'Correct the kustomization.' }],
    ['a patch', { patches: [patch('nosuch')] }, { message: expect.stringMatching(/^kustomize build app failed/) }],
    ['a chart', { helm: chart }, { message: 'app/Chart.yaml: there is no such file' }],
  ])('%s is called as the files are', async (_, asked, expected) => {
    expect(await refusal(bare, asked, { called: undefined })).toMatchObject(expected);
  });

  it('a path that is not there is one of a command', async () => {
    expect(await refusal(bare, {}, { path: 'x', called: undefined })).toMatchObject({
      message: 'x does not exist',
      mend: 'Name an existing folder, or - for standard input.',
    });
  });
});
