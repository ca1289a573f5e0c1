/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: those are the variables of Flux */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GateError } from '../../src/core/errors.ts';
import type { JsonObject } from '../../src/core/json.ts';
import type { Manifest } from '../../src/core/manifest.ts';
import { emitManifests } from '../../src/manifests/emit.ts';
import { finishForFlux } from '../../src/manifests/flux.ts';
import { parseManifests } from '../../src/manifests/parse.ts';
import { defaultManifestSettings } from '../../src/manifests/settings.ts';
import { asTexts, json } from '../support/flux-gate.ts';
import { type FluxAnswer, Fluxbuild } from '../support/fluxbuild.ts';
import { fuzzRuns } from '../support/fuzz-runs.ts';

let flux: Fluxbuild;
beforeAll(async () => {
  flux = await Fluxbuild.start();
});
afterAll(() => flux[Symbol.asyncDispose]());

const variables: Readonly<Record<string, string>> = {
  V: 'value',
  N: '5',
  B: 'true',
  E: '',
  QUOTES: `it's "quoted"`,
  COLON: 'a: b',
  LONG: `${'word '.repeat(30)}end`,
  MAPPING: '{x: 1, y: [2]}',
  LINES: 'one\ntwo\n',
  DATE: '2001-01-01',
  YES: 'yes',
  HASH: 'a #b',
  STAR: '*anchor',
  BIG: '9007199254740993',
};

interface Choice {
  readonly variables?: Readonly<Record<string, string>>;
  readonly always?: boolean;
}

function ours(text: string, choice: Choice = {}): Manifest[] | GateError {
  try {
    return finishForFlux(
      parseManifests([{ file: 'app.yaml', bytes: Buffer.from(text), marks: 'none' }], defaultManifestSettings, 'flux'),
      {
        substitution: { variables: choice.variables ?? variables, always: choice.always ?? false },
        commonMetadata: { labels: {}, annotations: {} },
        releaseNamespace: undefined,
      },
      defaultManifestSettings,
    );
  } catch (thrown) {
    if (thrown instanceof GateError) return thrown;
    throw thrown;
  }
}

async function theirs(text: string, choice: Choice = {}): Promise<FluxAnswer<readonly JsonObject[]>> {
  const postBuild = {
    substitute: choice.variables ?? variables,
    substituteStrategy: choice.always === true ? 'Always' : 'WithVariables',
  };
  return flux.object(text, json({ postBuild }) as JsonObject);
}

const thing = (spec: string, metadata = '') =>
  `apiVersion: example.com/v1\nkind: Thing\nmetadata:\n  name: a\n${metadata}spec:\n${spec}`;

const texts = (manifests: Manifest[] | GateError) =>
  manifests instanceof GateError ? manifests.message : asTexts(manifests.map(({ object }) => object));
const theirTexts = (answer: FluxAnswer<readonly JsonObject[]>) =>
  'value' in answer ? asTexts(answer.value) : answer.error;

describe('variables in objects', () => {
  it.each<[string, string, Choice?]>([
    ['a number', thing('  replicas: ${N}\n')],
    ['a number between quotes, which stay', thing('  port: "${N}"\n  again: \'${N}\'\n')],
    ['a boolean, a date and a word', thing('  a: ${B}\n  b: ${DATE}\n  c: ${YES}\n')],
    ['nothing, which is null', thing('  a: ${E}\n  b: x${E}\n')],
    ['a mapping', thing('  a: ${MAPPING}\n')],
    ['a comment', thing('  a: ${HASH}\n')],
    ['lines, which become one', thing('  a: ${LINES}\n  b: |\n    x\n    ${LINES}\n')],
    ['defaults', thing('  a: ${none:-d}\n  b: ${none:=a b c}\n')],
    ['a default with a colon, which is quoted before', thing('  a: "${none:-a: b}"\n')],
    ['text over the width of a line', thing(`  a: ${'word '.repeat(15)}\${none:-${'word '.repeat(20)}}\n`)],
    [
      'a text that is folded inside of an expression',
      thing(`  a: "# ${'word '.repeat(15)}\${none:-${'word '.repeat(20)}}"\n`),
    ],
    ['a long value', thing('  a: ${LONG}\n')],
    ['dollar signs that start nothing', thing('  a: $V $$ $${V} $\n')],
    ['keys', thing('  ${V}: x\n  ${N}: z\n')],
    ['a name and a namespace', 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${V}\n  namespace: ns-${V}\n'],
    ['an annotation', thing('  a: b\n', '  annotations:\n    x: ${V}\n')],
    [
      'an object that opts out by an annotation',
      thing('  a: ${V}${none}\n', '  annotations: {kustomize.toolkit.fluxcd.io/substitute: disabled}\n'),
    ],
    [
      'an object that opts out by a label',
      thing('  a: ${V}${none}\n', '  labels: {kustomize.toolkit.fluxcd.io/substitute: disabled}\n'),
    ],
    [
      'an object that does not opt out',
      thing('  a: ${V}\n', '  annotations: {kustomize.toolkit.fluxcd.io/substitute: Disabled}\n'),
    ],
    ['no variable, and nothing to do', thing('  a: ${V}\n'), { variables: {} }],
    ['no variable, and always', thing('  a: ${V:-x}\n'), { variables: {}, always: true }],
    ['large numbers, which Flux makes doubles', thing('  a: 9007199254740993\n  b: ${BIG}\n  c: 1.5\n')],
    [
      'a Secret',
      'apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {a: "${QUOTES}"}\n',
      { variables: { QUOTES: 'plain' } },
    ],
    ['a list whose items are values', thing('  - ${V}\n  - a: ${N}\n    b: ["${V}", x]\n')],
  ])('%s', async (_, text, choice) => {
    const answer = await theirs(text, choice);
    expect(answer).toHaveProperty('value');
    expect(texts(ours(text, choice))).toEqual(theirTexts(answer));
  });

  it.each<[string, string, string, RegExp, Choice?]>([
    [
      'a variable that is not set',
      thing('  a: ${none}\n'),
      'FLUX_VARIABLE_UNSET',
      /^app\.yaml:1:1: Thing a: the variable none is not set/,
    ],
    ['one that is changed', thing('  a: ${none^^}\n'), 'FLUX_VARIABLE_UNSET', /none is not set/],
    [
      'no variable at all, and always',
      thing('  a: ${V}\n'),
      'FLUX_VARIABLE_UNSET',
      /V is not set/,
      { variables: {}, always: true },
    ],
    [
      'an expression that does not end',
      thing('  a: ${V\n'),
      'FLUX_SUBSTITUTION',
      /Thing a: the expression of V is not closed/,
    ],
    [
      'a name that is none',
      thing('  a: b\n'),
      'FLUX_SUBSTITUTION',
      /"no-name" is not a name/,
      { variables: { 'no-name': 'x' } },
    ],
    ['what is no YAML any more', thing('  a: ${COLON}\n'), 'FLUX_SUBSTITUTION', /cannot be read/],
    ['an anchor', thing('  a: ${STAR}\n'), 'FLUX_SUBSTITUTION', /cannot be read/],
    ['half a character', thing('  a: ${V:0:1}\n'), 'FLUX_SUBSTITUTION', /cuts a character/, { variables: { V: 'é' } }],
  ])('%s is refused, as there', async (_, text, code, message, choice) => {
    const refused = ours(text, choice);
    expect(refused).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(await theirs(text, choice)).toHaveProperty('error');
  });

  it.each<[string, string, string, RegExp]>([
    [
      'a name that is a number',
      'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${N}\n',
      'FLUX_SUBSTITUTION',
      /name is not a string/,
    ],
    [
      'an annotation that is no text',
      thing('  a: b\n', '  annotations:\n    x: ${N}\n'),
      'FLUX_REWRITTEN',
      /the annotation "x" is not a text/,
    ],
    [
      'a label that is no text',
      thing('  a: b\n', '  labels:\n    x: ${B}\n'),
      'FLUX_REWRITTEN',
      /the label "x" is not a text/,
    ],
    ['a list of objects', `${thing('  a: b\n')}items: \${LIST}\n`, 'FLUX_REWRITTEN', /Flux would take it for a list/],
    [
      'an annotation that kustomize acts on',
      thing('  a: b\n', '  annotations:\n    internal.config.kubernetes.io/${V}: x\n'),
      'FLUX_REWRITTEN',
      /kustomize keeps the annotation/,
    ],
  ])('%s is refused, before Flux or the cluster does', (_, text, code, message) => {
    expect(ours(text, { variables: { ...variables, LIST: '[]', V: 'needsHashSuffix' } })).toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  it('refuses two objects that become one', () => {
    const one = (name: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n`;
    expect(ours(`${one('${V}')}---\n${one('value')}`)).toMatchObject({ code: 'MANIFEST_REPEATED' });
  });

  it.each([
    ['a name', 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${PASSWORD}\n'],
    ['a key', thing('  ${PASSWORD}: a\n  "${PASSWORD:-}": b\n')],
    ['a tag', thing('  a: ${TAG}\n')],
  ])('shows nothing of a value in %s that it refuses', (_, text) => {
    const refused = ours(text, { variables: { PASSWORD: 'top/secret', TAG: '!secret x' } });
    expect(refused).toMatchObject({ code: 'FLUX_SUBSTITUTION' });
    expect((refused as GateError).message).not.toContain('secret');
  });

  it('keeps the place of what it changes', () => {
    const [, second] = ours(
      `${thing('  a: b\n')}---\n${thing('  x: ${V}\n').replace('name: a', 'name: b')}`,
    ) as Manifest[];
    expect(second?.origin).toMatchObject({ file: 'app.yaml', line: 8 });
    expect(second?.locate(['spec', 'x'])).toMatchObject({ line: 13 });
  });

  const piece = fc.constantFrom(
    ...[
      'word',
      'longer-word',
      ' ',
      ' ',
      ': ',
      ' #',
      "'",
      '"',
      '\\',
      '\n',
      '-',
      '- ',
      '{',
      '}',
      '[',
      ',',
      '$',
      '$$',
      '%',
      '*',
      '&',
      '!',
      '|',
    ],
    ...[
      '${V}',
      '${N}',
      '${B}',
      '${E}',
      '${QUOTES}',
      '${COLON}',
      '${LONG}',
      '${MAPPING}',
      '${LINES}',
      '${DATE}',
      '${YES}',
      '${HASH}',
    ],
    ...[
      '${none:-d e}',
      '${none:=${V}}',
      '${none:-a: b}',
      '${V^^}',
      '${V:1:2}',
      '${V/a/b}',
      '${none}',
      'é',
      '1',
      'true',
      '2001-01-01',
      '\t',
    ],
  );
  const text = fc.oneof(
    { weight: 3, arbitrary: fc.array(piece, { maxLength: 3 }).map((all) => all.join('')) },
    fc.array(piece, { maxLength: 40 }).map((all) => all.join('')),
  );
  const spec = fc.letrec<{ node: unknown }>((tie) => ({
    node: fc.oneof(
      { depthSize: 'small' },
      text,
      fc.constantFrom<unknown>(1, 1.5, true, null, 'x'),
      fc.array(tie('node'), { maxLength: 3 }),
      fc.array(fc.tuple(text, tie('node')), { maxLength: 3 }).map((entries) => Object.fromEntries(entries)),
    ),
  })).node;

  it('whatever is written in an object comes out as from Flux', async () => {
    let same = 0;
    await fc.assert(
      fc.asyncProperty(spec, fc.option(text, { nil: undefined }), async (value, annotation) => {
        const object = json({
          apiVersion: 'example.com/v1',
          kind: 'Thing',
          metadata: { name: 'a', annotations: annotation === undefined ? undefined : { note: annotation } },
          spec: value,
        });
        const source = emitManifests([{ index: 0, object } as unknown as Manifest], 'yaml');
        const answer = await theirs(source);
        const mine = ours(source);
        if (mine instanceof GateError) {
          // Two keys that become one, and what no cluster takes.
          const stricter = /a second time|tag |is not a text|are no mapping|drops the key "<<"/.test(mine.message);
          expect({ source, refused: mine.message, theirs: stricter ? { error: '' } : answer }).toEqual({
            source,
            refused: mine.message,
            theirs: { error: expect.anything() },
          });
          return;
        }
        // Theirs cannot read its own printing of a text that begins with a tab.
        if ('error' in answer && answer.error.includes('found a tab character')) return;
        expect({ source, objects: texts(mine) }).toEqual({ source, objects: theirTexts(answer) });
        same++;
      }),
      { numRuns: fuzzRuns(2000) },
    );
    expect(same).toBeGreaterThan(500);
  });
});
