import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');
const files = globSync('src/**/*.ts', { cwd: root }).sort();

interface Import {
  readonly from: string;
  readonly to: string;
  readonly lazy: boolean;
  /** Gone once the types are taken away. */
  readonly typeOnly: boolean;
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
  const found: Import[] = [];
  const statement = /(\bimport\s+type\s[^;]*?)?(\bfrom\s+|\bimport\s+|\bimport\s*\(\s*)'([^']+)'/g;
  for (const [, type, lead, name] of text.matchAll(statement)) {
    if (name === undefined) continue;
    const to = name.startsWith('.') ? relative(root, resolve(root, dirname(file), name)) : name;
    found.push({ from: file, to, lazy: lead?.includes('(') ?? false, typeOnly: type !== undefined });
  }
  return found;
}

const imports = files.flatMap(importsOf);

/** The room of a file: the folder that the import table speaks of. */
function room(file: string): string {
  const [, first = '', second = ''] = file.split('/');
  if (first.endsWith('.ts')) return first;
  return first === 'checks' || first === 'surfaces' ? `${first}/${second}` : first;
}

const stages = ['source', 'render', 'manifests', 'decision', 'report', 'evidence'];
const isStage = (name: string) => stages.includes(name) || name.startsWith('checks/');

/** Which rooms a room may import, besides itself. `core` ← stages and adapters ← gate, config ← surfaces ← main. */
function mayImport(from: string, to: string): boolean {
  if (from === to || to === 'core') return from !== 'core' || to === 'core';
  if (from === 'core') return false;
  if (from === 'render') return to === 'source' || to === 'manifests';
  if (isStage(from) || from === 'adapters') return false;
  if (from === 'gate.ts') return isStage(to);
  if (from === 'config.ts') return isStage(to) || to === 'adapters';
  if (from === 'gates.ts') return isStage(to) || to === 'gate.ts';
  if (from.startsWith('surfaces/')) return isStage(to) || ['gate.ts', 'gates.ts', 'config.ts'].includes(to);
  return from === 'main.ts' || (from === 'wiring' && to !== 'main.ts');
}

describe('imports point inwards', () => {
  it('reads every source file', () => expect(imports.length).toBeGreaterThan(100));

  it.each(files)('%s', (file) => {
    const wrong = importsOf(file)
      .filter(({ to }) => to.startsWith('src/'))
      .filter(({ to }) => !mayImport(room(file), room(to)))
      .map(({ to }) => to);
    expect(wrong).toEqual([]);
  });

  it.each([
    ['core/image.ts', 'src/render/render.ts', false],
    ['src/render/render.ts', 'src/core/json.ts', true],
    ['src/render/render.ts', 'src/source/tree.ts', true],
    ['src/render/render.ts', 'src/adapters/exec.ts', false],
    ['src/adapters/exec.ts', 'src/render/render.ts', false],
    ['src/checks/images/check.ts', 'src/checks/policy/load.ts', false],
    ['src/gate.ts', 'src/surfaces/cli/cli.ts', false],
    ['src/surfaces/cli/cli.ts', 'src/surfaces/argocd/generate.ts', false],
    ['src/main.ts', 'src/surfaces/cli/cli.ts', true],
  ])('the table itself: %s → %s is allowed: %s', (from, to, allowed) => {
    expect(mayImport(room(from.startsWith('src/') ? from : `src/${from}`), room(to))).toBe(allowed);
  });
});

describe('what touches the world has one place', () => {
  const users = (name: RegExp) => {
    const found = imports.filter(({ to, typeOnly }) => name.test(to) && !typeOnly);
    return [...new Set(found.map(({ from }) => from))];
  };

  it('child_process is in adapters/exec.ts', () => {
    expect(users(/^(node:)?child_process$/)).toEqual(['src/adapters/exec.ts']);
  });

  it('the network is in adapters/', () => {
    for (const file of users(/^(node:)?(https?|net|tls|dns(\/promises)?|http2|undici)$/))
      expect(file).toMatch(/^src\/adapters\//);
  });

  it.each([
    [/^express$/, /^src\/surfaces\/http\//],
    [/^@kubernetes\/client-node$/, /^src\/adapters\/kube\//],
    [/^pino$/, /^src\/adapters\/log\.ts$/],
    [/^prom-client$/, /^src\/adapters\/metrics\.ts$/],
  ])('%s is asked for in %s alone', (name, place) => {
    expect(users(name).length).toBeGreaterThan(0);
    for (const file of users(name)) expect(file).toMatch(place);
  });

  it('process.env is read in main.ts only', () => {
    const readers = files.filter((file) => /\bprocess\s*\.\s*env\b/.test(readFileSync(join(root, file), 'utf8')));
    expect(readers.filter((file) => file !== 'src/main.ts')).toEqual([]);
  });

  it('nothing evaluates text, and no pattern is made from it', () => {
    for (const file of files) {
      const text = readFileSync(join(root, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
      expect(text, file).not.toMatch(/\beval\s*\(|new Function\s*\(|new RegExp\s*\(|shell:\s*true/);
    }
  });
});

describe('nothing is imported in circles', () => {
  it('has no cycle', () => {
    const graph = new Map(
      files.map((file) => [
        file,
        importsOf(file)
          .filter((each) => !each.lazy)
          .map(({ to }) => to),
      ]),
    );
    const done = new Set<string>();
    const visit = (file: string, trail: readonly string[]): void => {
      expect(trail, `cycle through ${file}`).not.toContain(file);
      if (done.has(file)) return;
      for (const next of graph.get(file) ?? []) if (next.startsWith('src/')) visit(next, [...trail, file]);
      done.add(file);
    };
    for (const file of files) visit(file, []);
  });
});
