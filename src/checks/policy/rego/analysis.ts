import { GateError } from '../../../core/errors.ts';
import type { PolicyFile } from '../dialect.ts';
import { checkPolicies, firstLine, type OpaContext, runOpa } from './opa.ts';
import type { RegoSettings } from './settings.ts';

/** A rule that judges. */
export interface RegoRule {
  readonly package: string;
  readonly packagePath: readonly string[];
  readonly name: string;
  readonly effect: 'deny' | 'warn';
  /** What an exception of its package names to except it: the name without `deny_`; empty for a plain `deny`. */
  readonly suffix: string;
  /** Whether its package has exceptions at all. */
  readonly exceptable: boolean;
  /** Whether it judges the whole set at once. */
  readonly combined: boolean;
  /** The files of its package. */
  readonly files: readonly PolicyFile[];
}

/** What the policies hold that matters to a gate. */
export interface Analysis {
  readonly rules: readonly RegoRule[];
  /** What rules read below `data` that no policy defines: data files must. Each is a path of keys. */
  readonly reads: readonly (readonly string[])[];
}

interface Package {
  readonly path: readonly string[];
  readonly files: PolicyFile[];
  /** The path of each rule below the package. */
  readonly rules: string[][];
}

/** A step of a reference: a key, or something that is only known when a rule is evaluated. */
type Step = string | undefined;

/** The names that conftest evaluates, and no others. */
const JUDGING = /^(deny|violation|warn)(_[a-zA-Z0-9]+)*$/;
const NAMED_ALIKE = /^(deny|violation|warn)(_|$)/;
/** The package of the questions; a policy in it could change the answers. */
export const HARNESS_PACKAGE = 'syncgate_harness';

/**
 * Finds the rules that judge, by what opa itself knows of the policies (`opa deps`: every rule, and everything that any
 * of them reads), and refuses what would silently judge nothing. Throws GateErrors with REGO_* codes.
 */
export async function analyse(
  context: OpaContext,
  files: readonly PolicyFile[],
  signal: AbortSignal,
): Promise<Analysis> {
  const { base, virtual } = await dependencies(context, signal);
  const packages = readPackages(files);
  for (const rule of virtual) attach(rule, packages);

  refuseForeignInput(base, files);
  const selected = selectPackages(packages, context.settings);
  const combined = new Set(context.settings.combined);
  const rules = selected.flatMap((each) => rulesOf(each, combined.has(nameOf(each.path))));
  return { rules, reads: undefinedReads(base, packages) };
}

async function dependencies(
  context: OpaContext,
  signal: AbortSignal,
): Promise<{ readonly base: Step[][]; readonly virtual: Step[][] }> {
  // As a bundle, because `deps` knows no flag for the Rego version: the bundle's manifest says it.
  const { code, stdout, stderr } = await runOpa(context, ['deps', '--format', 'json', '--bundle', '.', 'data'], signal);
  if (code !== 0) {
    // `deps` prints text; `check` says the same with columns.
    await checkPolicies(context, signal, { limited: false });
    throw new GateError('REGO_INVALID', `opa refuses the policies: ${context.layout.displayed(firstLine(stderr))}`);
  }
  try {
    const answer = JSON.parse(stdout) as { base?: unknown; virtual?: unknown };
    return { base: readReferences(answer.base), virtual: readReferences(answer.virtual) };
  } catch (error) {
    throw new GateError('OPA_FAILED', 'the answer of opa deps is not what it should be', { cause: error });
  }
}

function readReferences(value: unknown): Step[][] {
  if (value === null || value === undefined) return [];
  return (value as { type: string; value: unknown }[][]).map((reference) =>
    reference.map((term, i) => {
      if (typeof term.type !== 'string') throw new Error('a term without a type');
      return term.type === 'string' || (i === 0 && term.type === 'var') ? String(term.value) : undefined;
    }),
  );
}

/** The package of each file: its first statement, before which only comments may stand. */
function readPackages(files: readonly PolicyFile[]): Package[] {
  const packages = new Map<string, Package>();
  for (const file of files) {
    const path = packagePath(file);
    const name = nameOf(path);
    if (path[0] === HARNESS_PACKAGE) {
      throw new GateError('REGO_RULE_INVALID', `${file.name}: the package ${HARNESS_PACKAGE} is syncgate's own`, {
        place: file.name,
        mend: 'Give the package another name.',
      });
    }
    // opa leaves these out of what `data` holds: whether they judge would not be known.
    if (path[0] === 'system') {
      throw new GateError('REGO_RULE_INVALID', `${file.name}: the package ${name} is opa's own`, {
        place: file.name,
        mend: 'Give the package another name, or keep the file out of the folder.',
      });
    }
    const known = packages.get(name) ?? { path, files: [], rules: [] };
    known.files.push(file);
    packages.set(name, known);
  }
  return [...packages.values()];
}

function packagePath(file: PolicyFile): string[] {
  const text = file.text.replace(/^\uFEFF/, '').replaceAll(/^\s*#.*$/gm, '');
  const declared = /^\s*package\s+([A-Za-z_]\w*(?:\.[A-Za-z_]\w*|\["(?:[^"\\\n]|\\.)*"\])*)\s*(?:[\n\r;#]|$)/.exec(
    text,
  )?.[1];
  if (declared === undefined) {
    throw new GateError('REGO_INVALID', `${file.name}: no package line that can be read`, {
      place: file.name,
      mend: 'Start the file with `package main`, or the name of another package.',
    });
  }
  return [...declared.matchAll(/\["((?:[^"\\]|\\.)*)"\]|[A-Za-z_]\w*/g)].map(([whole, quoted]) =>
    quoted === undefined ? whole : (JSON.parse(`"${quoted}"`) as string),
  );
}

function attach(rule: readonly Step[], packages: readonly Package[]): void {
  const owner = ownerOf(rule, packages);
  const below = owner === undefined ? [] : rule.slice(1 + owner.path.length);
  if (owner === undefined || below.length === 0) {
    throw new GateError('OPA_FAILED', `opa knows the rule ${nameOf(rule)}, and no file declares its package`);
  }
  owner.rules.push(below.map((step) => step ?? '_'));
}

/** The innermost package that a reference below `data` leads into. */
function ownerOf(reference: readonly Step[], packages: readonly Package[]): Package | undefined {
  return packages
    .filter(({ path }) => path.length < reference.length && path.every((step, i) => step === reference[i + 1]))
    .sort((a, b) => b.path.length - a.path.length)[0];
}

function selectPackages(packages: readonly Package[], settings: RegoSettings): Package[] {
  const judging = packages.filter((each) => each.rules.some(isJudging));
  for (const each of packages) refuseMisnamed(each);
  if (settings.packages === 'all') {
    if (judging.length === 0) {
      throw new GateError('REGO_PACKAGE_MISSING', 'no package holds a deny, violation or warn rule', {
        mend: 'Add a rule; `policies: []` says that there are none.',
      });
    }
    refuseUnknownCombined(settings, judging);
    return judging;
  }
  const wanted = new Set<string>(settings.packages);
  for (const name of wanted) {
    const found = packages.find(({ path }) => nameOf(path) === name);
    if (found !== undefined && judging.includes(found)) continue;
    const known = judging.map(({ path }) => nameOf(path)).join(', ') || 'none';
    throw new GateError(
      'REGO_PACKAGE_MISSING',
      found === undefined
        ? `no policy is in the package ${name}; packages with rules that judge: ${known}`
        : `the package ${name} holds no deny, violation or warn rule`,
      found === undefined ? {} : { place: found.files[0]?.name },
    );
  }
  for (const each of judging) {
    const name = nameOf(each.path);
    if (wanted.has(name)) continue;
    const rule = each.rules.find((path) => isJudging(path) && !path[0]?.startsWith('warn'));
    if (rule === undefined) continue;
    const place = placeOf(rule[0] ?? '', each.files);
    throw new GateError(
      'REGO_PACKAGE_UNSELECTED',
      `${place}: ${name}.${rule[0]} is in a package that is not selected`,
      {
        place,
      },
    );
  }
  const selected = judging.filter(({ path }) => wanted.has(nameOf(path)));
  refuseUnknownCombined(settings, selected);
  return selected;
}

function refuseUnknownCombined(settings: RegoSettings, selected: readonly Package[]): void {
  for (const name of settings.combined) {
    if (selected.some(({ path }) => nameOf(path) === name)) continue;
    throw new GateError('REGO_PACKAGE_MISSING', `${name} is in spec.rego.combined, and no package that judges`, {
      mend: 'Correct spec.rego.combined; its packages must be selected by spec.rego.packages too.',
    });
  }
}

function isJudging(path: readonly string[]): boolean {
  return path.length === 1 && JUDGING.test(path[0] ?? '');
}

/** conftest passes over such rules without a word: `deny_a__b`, `deny.pods contains …`, `pods.deny contains …`. */
function refuseMisnamed(each: Package): void {
  for (const path of each.rules) {
    const [first = ''] = path;
    const alike =
      path.length === 1 ? NAMED_ALIKE.test(first) && !JUDGING.test(first) : path.some((s) => JUDGING.test(s));
    if (!alike) continue;
    const place = placeOf(first, each.files);
    throw new GateError(
      'REGO_RULE_INVALID',
      `${place}: ${nameOf(each.path)}.${path.join('.')} is named like a rule that judges, and would never be evaluated`,
      { place, mend: 'Call it deny, violation or warn, with suffixes of letters and digits (`deny_latest_tag`).' },
    );
  }
}

function rulesOf(each: Package, combined: boolean): RegoRule[] {
  const exceptable = each.rules.some(([first]) => first === 'exception');
  const names = new Set(each.rules.filter(isJudging).map(([name = '']) => name));
  return [...names].sort().map((name) => ({
    package: nameOf(each.path),
    packagePath: each.path,
    name,
    effect: name.startsWith('warn') ? 'warn' : 'deny',
    suffix: suffixOf(name),
    exceptable,
    combined,
    files: each.files,
  }));
}

/** As conftest: each of the three is taken off once, in this order. */
function suffixOf(name: string): string {
  if (name === 'deny' || name === 'violation' || name === 'warn') return '';
  return name
    .replace(/^violation_/, '')
    .replace(/^deny_/, '')
    .replace(/^warn_/, '');
}

/**
 * What rules read of an admission request. The object that they are given has neither field, so a rule that asks for
 * one is undefined for every object and refuses none.
 */
function refuseForeignInput(base: readonly Step[][], files: readonly PolicyFile[]): void {
  const read = base.find(([root, field]) => root === 'input' && (field === 'request' || field === 'review'));
  const field = read?.[1];
  // `deps` sees through names and imports, but not through a call.
  const call = /\bobject\.get\(\s*input\s*,\s*\[?\s*"(request|review)"/;
  for (const file of files) {
    const called = call.exec(file.text);
    const used =
      field === undefined
        ? called
        : new Map([
            ['request', /\brequest\b/],
            ['review', /\breview\b/],
          ])
            .get(field)
            ?.exec(file.text);
    if (used === null || used === undefined) continue;
    const place = `${file.name}:${lineAt(file.text, used.index)}`;
    throw new GateError('REGO_INPUT_FOREIGN', `${place}: the policies read input.${field ?? called?.[1]}`, { place });
  }
  if (field !== undefined) throw new GateError('REGO_INPUT_FOREIGN', `the policies read input.${field}`);
}

/** `data.conftest` is given; what lies in a package was compiled; the rest must come from data files. */
function undefinedReads(base: readonly Step[][], packages: readonly Package[]): string[][] {
  const reads = new Map<string, string[]>();
  for (const reference of base) {
    const [root, first] = reference;
    if (root !== 'data' || first === undefined || first === 'conftest') continue;
    const inPackage = ownerOf(reference, packages)?.path.length ?? 0;
    const path = reference.slice(1, inPackage + 2);
    if (path.every((step) => step !== undefined)) reads.set(JSON.stringify(path), path as string[]);
  }
  return [...reads.values()];
}

/** Where a rule stands: file and line if that is one place, else the files that it is spread over. */
export function placeOf(rule: string, files: readonly PolicyFile[]): string {
  const places: string[] = [];
  for (const { name, text } of files) {
    text.split('\n').forEach((line, i) => {
      const [, word] = /^\s*(?:default\s+)?([A-Za-z_]\w*)/.exec(line) ?? [];
      if (word === rule) places.push(`${name}:${i + 1}`);
    });
  }
  const [only, second] = places;
  if (only !== undefined && second === undefined) return only;
  const inFiles = [
    ...new Set(
      only === undefined
        ? files.map(({ name }) => name)
        : places.map((place) => place.slice(0, place.lastIndexOf(':'))),
    ),
  ];
  return inFiles.length <= 2 ? inFiles.join(' and ') : `${inFiles[0]} and ${inFiles.length - 1} more files`;
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}

function nameOf(path: readonly Step[]): string {
  return path
    .map((step, i) => {
      if (step === undefined) return '[_]';
      return /^[A-Za-z_]\w*$/.test(step) ? `${i === 0 ? '' : '.'}${step}` : `[${JSON.stringify(step)}]`;
    })
    .join('');
}
