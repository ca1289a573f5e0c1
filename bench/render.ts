/** (a) What the gate costs on top of the bare renderers, with nothing to judge: cold processes; (e) and their memory. */
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tool } from '../test/support/tools/resolve.ts';
import { compare, type Program, peakMemory, processContender, runProgram, type Timing } from './measure.ts';
import { shopObjects } from './shop.ts';
import { alignedText, type Line, sectionText } from './table.ts';

const cli = join(import.meta.dirname, '../dist/syncgate.mjs');
/** What a render may take longer than the bare renderer. */
const allowanceMs = 60;

type Renderer = 'kustomize' | 'helm';

interface Pair {
  readonly title: string;
  readonly bare: Program;
  readonly gated: Program;
}

/** An overlay over a base with the objects in it, and a chart with the same ones in a template. */
function writeApplication(folder: string, renderer: Renderer, objects: number): string {
  const app = join(folder, `${renderer}-${objects}`);
  const put = (name: string, text: string) => {
    mkdirSync(join(app, name, '..'), { recursive: true });
    writeFileSync(join(app, name), text);
  };
  const yaml = shopObjects(objects).join('---\n');
  if (renderer === 'kustomize') {
    put('base/kustomization.yaml', 'kind: Kustomization\nresources: [objects.yaml]\n');
    put('base/objects.yaml', yaml);
    put(
      'kustomization.yaml',
      'kind: Kustomization\nresources: [base]\nnamePrefix: prod-\nlabels: [{pairs: {env: prod}}]\n',
    );
  } else {
    put('Chart.yaml', 'apiVersion: v2\nname: shop\nversion: 1.0.0\n');
    put('values.yaml', 'env: prod\n');
    put('templates/objects.yaml', yaml.replaceAll('team: team-', 'env: {{ .Values.env }}\n    team: team-'));
  }
  return app;
}

async function pairOf(scratch: string, renderer: Renderer, objects: number): Promise<Pair> {
  const app = writeApplication(scratch, renderer, objects);
  const program = await tool(renderer);
  const gate = join(scratch, 'gate.yaml');
  const spec = { policies: [], images: 'unchecked' };
  writeFileSync(
    gate,
    JSON.stringify({ apiVersion: 'syncgate.dev/v1alpha1', kind: 'Gate', metadata: { name: 'bench' }, spec }),
  );
  const bin = join(scratch, `bin-${renderer}-${objects}`);
  mkdirSync(bin);
  symlinkSync(program, join(bin, renderer));
  const args = renderer === 'kustomize' ? ['build', app] : ['template', 'shop', app];
  return {
    title: `${renderer === 'kustomize' ? 'kustomize build' : 'helm template'}, ${objects} objects`,
    bare: { argv: [program, ...args] },
    gated: {
      argv: [process.execPath, cli, 'render', app, '--app-name', 'shop', '--config', gate, '--quiet'],
      env: { PATH: bin },
    },
  };
}

/** A faster render of something else is none: both must print as many objects. */
async function assertSameObjects({ title, bare, gated }: Pair): Promise<void> {
  const [theirs, ours] = [await runProgram(bare), await runProgram(gated)];
  assert.equal(ours.exitCode, 0, ours.stderr);
  const count = theirs.stdout.split('\n').filter((line) => line.startsWith('kind: ')).length;
  assert.equal(ours.stdout.trimEnd().split('\n').length, count, title);
}

async function comparePair(pair: Pair, rounds: number): Promise<{ text: string; over: number }> {
  await assertSameObjects(pair);
  const node: Program = { argv: [process.execPath, '-e', '0'] };
  const help: Program = { argv: [process.execPath, cli, 'help'] };
  const timings = await compare(
    [
      processContender('the renderer alone', pair.bare, 0),
      processContender('syncgate render', pair.gated, 0),
      processContender('node', node, 0),
      processContender('help', help, 0),
    ],
    rounds,
    2,
  );
  const [bare, gated, bareNode, idle] = timings as [Timing, Timing, Timing, Timing];
  const over = gated.median - bare.median;
  const lines: Line[] = [
    { what: bare.name, timing: bare },
    {
      what: gated.name,
      timing: gated,
      against: bare,
      aim: { text: `≤ +${allowanceMs} ms`, reached: over <= allowanceMs },
    },
  ];
  const ms = (timing: Timing) => timing.median.toFixed(0);
  const rest = (over - idle.median).toFixed(0);
  const remark = `of the ${over.toFixed(0)} ms apart: node alone starts and ends in ${ms(bareNode)}, syncgate without work in ${ms(idle)}; ${rest} are for the rest: looking through the source, starting the renderer in its bounds, parsing and writing`;
  return { text: sectionText({ title: `(a) ${pair.title}`, lines, remarks: [remark] }), over };
}

/** Everything about rendering, as text. `quick` runs few rounds, to see that it runs. */
export async function benchRender(scratch: string, quick: boolean): Promise<string> {
  const parts: string[] = [];
  const memory = [['(e) peak memory, MiB', 'the renderer alone', 'syncgate render, with it']];
  for (const renderer of ['kustomize', 'helm'] as const) {
    for (const objects of [10, 100, 1000]) {
      const pair = await pairOf(scratch, renderer, objects);
      parts.push((await comparePair(pair, quick ? 3 : objects === 1000 ? 5 : 21)).text);
      const [bare, gated] = [await peakMemory(pair.bare), await peakMemory(pair.gated)];
      memory.push([pair.title, bare.toFixed(0), gated.toFixed(0)]);
    }
  }
  return [...parts, `${alignedText(memory)}\n`].join('\n');
}
