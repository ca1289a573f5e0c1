import { canonicalJson, type JsonValue, objectFrom } from '../../../core/json.ts';
import type { JudgedObject } from '../../../core/rendered.ts';
import { type Analysis, HARNESS_PACKAGE, type RegoRule } from './analysis.ts';

/** The one thing that opa is asked. */
export const QUESTION = `data.${HARNESS_PACKAGE}.answer`;

/**
 * The questions, as Rego: for each object (and for the whole set) which rules gave a set at all, and what the sets that
 * are not empty hold. Of the manifests nothing is ever in this text; they are input.
 *
 * Only what is a set is counted, and the rest is told by its absence: `not is_set(x)` would be undefined, and so
 * silent, where x is.
 */
export function harnessText({ rules, reads }: Analysis): string {
  return `package ${HARNESS_PACKAGE}

import rego.v1

answer := {"absent": absent, "each": each, "all": all}

each := [[i, verdict] |
	some i, item in input.each
	verdict := data.${HARNESS_PACKAGE}.one with input as item.object with data.conftest.file as item.file with time.now_ns as input.now
]

all := [[i, verdict] |
	some i, set in input.all
	verdict := data.${HARNESS_PACKAGE}.whole with input as set with data.conftest.file as {"name": "Combined", "dir": "."} with time.now_ns as input.now
]

absent := ${numbers(reads.map((_, i) => i))} - present
${reads.length === 0 ? 'present := set()' : reads.map((path, i) => `present contains ${i} if _ = data${keys(path)}`).join('\n')}

${questions('one', rules, false)}

${questions('whole', rules, true)}
`;
}

function questions(name: string, rules: readonly RegoRule[], combined: boolean): string {
  const asked = rules.map((rule, i) => ({ rule, i })).filter(({ rule }) => rule.combined === combined);
  if (asked.length === 0) return `${name} := {"missing": set(), "hits": set()}`;
  const each = asked.map(({ rule, i }) => {
    const ofPackage = keys(rule.packagePath);
    const found = `data${ofPackage}${keys([rule.name])}`;
    const excepted = rule.exceptable
      ? `count([1 | data${ofPackage}["exception"][_][_] == ${JSON.stringify(rule.suffix)}])`
      : '0';
    return `${name}_sets contains ${i} if is_set(${found})
${name}_hits contains [${i}, found, excepted] if {
	found := ${found}
	is_set(found)
	found != set()
	excepted := ${excepted}
}`;
  });
  return `${name} := {"missing": ${numbers(asked.map(({ i }) => i))} - ${name}_sets, "hits": ${name}_hits}

${each.join('\n')}`;
}

function keys(path: readonly string[]): string {
  return path.map((step) => `[${JSON.stringify(step)}]`).join('');
}

function numbers(list: readonly number[]): string {
  return list.length === 0 ? 'set()' : `{${list.join(', ')}}`;
}

/** What is judged together: some of the objects, and the whole set or not. */
export interface Question {
  readonly objects: readonly JudgedObject[];
  /** The set that the combined packages judge; undefined where they are not asked. */
  readonly whole: readonly JudgedObject[] | undefined;
}

/** A question as the input document of the harness. `now` is in milliseconds. */
export function questionInput({ objects, whole }: Question, now: number): string {
  const each = objects.map(({ manifest, object }) =>
    objectFrom([
      ['object', object],
      ['file', fileOf(manifest.origin.file)],
    ]),
  );
  const combined = whole?.map(({ manifest, object }) =>
    objectFrom([
      ['path', manifest.origin.file],
      ['contents', object],
    ]),
  );
  return canonicalJson(
    objectFrom([
      ['now', BigInt(Math.trunc(now)) * 1_000_000n],
      ['each', each],
      ['all', combined === undefined ? [] : [combined]],
    ]),
  );
}

/** conftest gives rules the file's name and folder as `data.conftest.file`. */
function fileOf(file: string): JsonValue {
  const cut = file.lastIndexOf('/');
  return objectFrom([
    ['name', file.slice(cut + 1)],
    ['dir', cut < 0 ? '.' : file.slice(0, cut)],
  ]);
}
