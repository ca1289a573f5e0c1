/** (c) 100 objects × 150 Rego rules beside conftest, cold and warm; (d) how that grows; (e) how much memory it takes. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadConfig } from '../src/config.ts';
import { plainRequest } from '../src/render/request.ts';
import { openGate } from '../src/wiring/gate.ts';
import { tool } from '../test/support/tools/resolve.ts';
import {
  type Contender,
  compare,
  type Program,
  peakMemory,
  processContender,
  runProgram,
  type Timing,
  treeMemory,
  workContender,
} from './measure.ts';
import { type Naming, type Shop, writeShop } from './shop.ts';
import { alignedText, atMost, fasterBy, type Line, type Section, sectionText } from './table.ts';

const cli = join(import.meta.dirname, '../dist/syncgate.mjs');

interface Tools {
  readonly conftest: string;
  readonly opa: string;
  readonly path: string;
}

async function findTools(scratch: string): Promise<Tools> {
  const { mkdirSync, symlinkSync } = await import('node:fs');
  const opa = await tool('opa');
  const path = join(scratch, 'bin');
  mkdirSync(path, { recursive: true });
  symlinkSync(opa, join(path, 'opa'));
  return { conftest: await tool('conftest'), opa, path: `${path}:${process.env['PATH'] ?? ''}` };
}

const conftestProgram = (tools: Tools, shop: Shop): Program => ({
  argv: [tools.conftest, 'test', '--output', 'json', '--policy', shop.policies, shop.app],
  cwd: shop.root,
});
const syncgateProgram = (tools: Tools, shop: Shop): Program => ({
  argv: [process.execPath, cli, 'check', shop.app, '--config', shop.gate, '--output', 'json'],
  cwd: shop.root,
  env: { PATH: tools.path },
});

/** Both must find the very same things wrong: a faster wrong answer is none. Answers with how many there are. */
async function assertSameVerdict(tools: Tools, shop: Shop): Promise<number> {
  const [theirs, ours] = [
    await runProgram(conftestProgram(tools, shop)),
    await runProgram(syncgateProgram(tools, shop)),
  ];
  const failures = (JSON.parse(theirs.stdout) as { failures?: { msg: string; metadata: { query: string } }[] }[])
    .flatMap((result) => result.failures ?? [])
    .map(({ msg, metadata }) => `${metadata.query} ${msg}`);
  const reasons = (JSON.parse(ours.stdout) as { reasons: { rule: string; message: string }[] }).reasons.map(
    ({ rule, message }) => `data.${rule} ${message}`,
  );
  assert.deepEqual(reasons.sort(), failures.sort());
  assert.equal(ours.exitCode, failures.length > 0 ? 1 : 0);
  assert.equal(theirs.exitCode, failures.length > 0 ? 1 : 0);
  return failures.length;
}

interface Warm {
  readonly contender: Contender;
  close(): Promise<void>;
}

/** The whole gate, kept open: each run reads, parses and judges the application anew. */
async function openWarm(tools: Tools, shop: Shop): Promise<Warm> {
  const config = await loadConfig(shop.gate, (path) => readFile(path, 'utf8'));
  const world = { env: { PATH: tools.path }, temporaryFolder: shop.root, program: import.meta.filename };
  const gate = openGate(config, world, new AbortController().signal, 'many verdicts');
  const request = plainRequest({ kind: 'folder', root: shop.root, path: 'app' });
  const work = async () => {
    const { decision } = await gate.judge(request, 'json', AbortSignal.timeout(120_000));
    assert.equal(decision.verdict, 'denied');
    return decision;
  };
  await work();
  return { contender: workContender('syncgate, warm', work), close: () => gate.close() };
}

async function compareShop(tools: Tools, shop: Shop, rounds: number): Promise<{ timings: Timing[]; found: number }> {
  const found = await assertSameVerdict(tools, shop);
  const warm = await openWarm(tools, shop);
  try {
    const contenders = [
      processContender('conftest test', conftestProgram(tools, shop), 1),
      processContender('syncgate check, cold', syncgateProgram(tools, shop), 1),
      warm.contender,
    ];
    // The warm gate is compiled by the engine while it runs, as in a process that lives long.
    return { timings: await compare(contenders, rounds, 3), found };
  } finally {
    await warm.close();
  }
}

/** (c) */
async function besideConftest(tools: Tools, scratch: string, rounds: number): Promise<Section[]> {
  const sections: Section[] = [];
  const shapes: [Naming, string][] = [
    ['shared', 'all of them called deny'],
    ['own', 'each with a name of its own'],
  ];
  for (const [naming, title] of shapes) {
    const shop = writeShop(join(scratch, `c-${naming}`), 100, 150, naming);
    const { timings, found } = await compareShop(tools, shop, rounds);
    const [conftest, cold, warm] = timings as [Timing, Timing, Timing];
    const lines: Line[] = [
      { what: conftest.name, timing: conftest },
      { what: cold.name, timing: cold, against: conftest, aim: atMost(1.3, cold, conftest) },
      { what: warm.name, timing: warm, against: conftest, aim: fasterBy(3, warm, conftest) },
    ];
    sections.push({
      title: `(c) 100 objects × 150 Rego rules, ${title}: the same ${found} denials`,
      lines,
      remarks: await spentOn(tools, shop, cold),
    });
  }
  return sections;
}

/** What a cold run is made of, each part measured alone. */
async function spentOn(tools: Tools, shop: Shop, cold: Timing): Promise<string[]> {
  const node = processContender('node', { argv: [process.execPath, '-e', '0'] }, 0);
  const syncgate = processContender('syncgate', { argv: [process.execPath, cli, 'help'] }, 0);
  const unjudged = join(shop.root, 'unjudged.yaml');
  const { writeFileSync } = await import('node:fs');
  writeFileSync(unjudged, (await readFile(shop.gate, 'utf8')).replace('[{ path: policies }]', '[]'));
  const program = syncgateProgram(tools, shop);
  const parse = processContender(
    'parse',
    { ...program, argv: program.argv.map((each) => (each === shop.gate ? unjudged : each)) as [string] },
    0,
  );
  const deps = processContender(
    'opa deps',
    { argv: [tools.opa, 'deps', '-f', 'json', '-d', 'policies', 'data'], cwd: shop.root },
    0,
  );
  const compiled = processContender(
    'opa eval 1',
    { argv: [tools.opa, 'eval', '-d', 'policies', '1'], cwd: shop.root },
    0,
  );
  const timings = await compare([node, syncgate, parse, deps, compiled], 7);
  const [bare, help, without, analysis, compile] = timings.map(({ median }) => median.toFixed(0));
  return [
    `of the ${cold.median.toFixed(0)} ms cold: node alone starts in ${bare}, syncgate without work in ${help}, the same check with no policy takes ${without};`,
    `meanwhile opa lists the rules (${analysis}), and then compiles (${compile} with its start) and judges in one more process`,
  ];
}

/** (d) */
async function growth(tools: Tools, scratch: string, rounds: number): Promise<string> {
  const sizes: [number, number][] = [
    [10, 150],
    [100, 150],
    [300, 150],
    [1000, 150],
    [100, 10],
    [100, 50],
    [100, 500],
  ];
  const rows = [['objects × rules', 'conftest', 'cold', 'ratio', 'warm', 'ratio', 'denials']];
  for (const [objects, rules] of sizes) {
    const shop = writeShop(join(scratch, `d-${objects}-${rules}`), objects, rules, 'shared');
    const { timings, found } = await compareShop(tools, shop, rounds);
    const [conftest = 0, cold = 0, warm = 0] = timings.map(({ median }) => median);
    const ms = (value: number) => `${value.toFixed(value < 100 ? 1 : 0)} ms`;
    const times = (value: number) => `× ${value.toFixed(2)}`;
    rows.push([
      `${objects} × ${rules}`,
      ms(conftest),
      ms(cold),
      times(cold / conftest),
      ms(warm),
      times(warm / conftest),
      String(found),
    ]);
  }
  return `(d) how it grows; rules called deny, median of ${rounds} rounds\n${alignedText(rows)}\n`;
}

/** (e) */
async function memory(tools: Tools, scratch: string): Promise<string> {
  const rows = [['peak memory, MiB', 'conftest', 'cold, with opa', 'warm, with its server']];
  for (const [objects, rules] of [
    [100, 150],
    [1000, 150],
    [100, 500],
  ] as const) {
    const shop = writeShop(join(scratch, `e-${objects}-${rules}`), objects, rules, 'shared');
    const [theirs, ours] = [
      await peakMemory(conftestProgram(tools, shop)),
      await peakMemory(syncgateProgram(tools, shop)),
    ];
    const warm = await openWarm(tools, shop);
    for (let i = 0; i < 10; i += 1) await warm.contender.run();
    const resident = treeMemory(process.pid);
    await warm.close();
    rows.push([`${objects} × ${rules}`, ...[theirs, ours, resident].map((value) => value.toFixed(0))]);
  }
  return `(e) all processes together; warm is this benchmark's own process and the server after ten verdicts\n${alignedText(rows)}\n`;
}

/** Everything about Rego, as text. `quick` runs few rounds, to see that it runs. */
export async function benchRego(scratch: string, quick: boolean): Promise<string> {
  const tools = await findTools(scratch);
  const sections = await besideConftest(tools, scratch, quick ? 3 : 15);
  const parts = [
    ...sections.map(sectionText),
    await growth(tools, scratch, quick ? 2 : 7),
    await memory(tools, scratch),
  ];
  return parts.join('\n');
}
