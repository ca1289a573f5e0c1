import { describe, expect, it } from 'vitest';
import type { Code } from '../../../../src/core/errors.ts';
import { configMap, type Files, findingsFor, withPolicies } from '../../../support/policies.ts';

interface Row {
  readonly says: string;
  readonly files: Files;
  readonly rego?: Record<string, unknown>;
  readonly code: Code;
  readonly message: RegExp;
}

const good = 'package main\ndeny contains "x" if false';

const refusedAtLoad: readonly Row[] = [
  {
    says: 'text that is not Rego',
    files: { 'policies/a.rego': good, 'policies/b.rego': 'package main\ndeny contains {{' },
    code: 'REGO_INVALID',
    message: /^policies\/b\.rego:2:\d+: unexpected/,
  },
  {
    says: 'v0 where v1 is read',
    files: { 'policies/a.rego': 'package main\ndeny[msg] { msg := "x" }' },
    code: 'REGO_INVALID',
    message: /^policies\/a\.rego:2:\d+: `if` keyword is required/,
  },
  {
    says: 'a file with nothing in it',
    files: { 'policies/a.rego': good, 'policies/b.rego': '' },
    code: 'REGO_INVALID',
    message: /empty module/,
  },
  {
    says: 'an unknown function',
    files: { 'policies/a.rego': 'package main\ndeny contains "x" if nothing.like.it(1)' },
    code: 'REGO_INVALID',
    message: /^policies\/a\.rego:2:\d+: undefined function nothing\.like\.it/,
  },
  {
    says: 'a package that is selected and not there',
    files: { 'policies/a.rego': good },
    rego: { packages: ['main', 'mian'] },
    code: 'REGO_PACKAGE_MISSING',
    message: /no policy is in the package mian; packages with rules that judge: main/,
  },
  {
    says: 'a selected package that judges nothing',
    files: { 'policies/a.rego': 'package main\nallow := true' },
    code: 'REGO_PACKAGE_MISSING',
    message: /the package main holds no deny, violation or warn rule/,
  },
  {
    says: 'no judging package at all',
    files: { 'policies/a.rego': 'package main\nallow := true' },
    rego: { packages: 'all' },
    code: 'REGO_PACKAGE_MISSING',
    message: /no package holds/,
  },
  {
    says: 'a combined package that is not there',
    files: { 'policies/a.rego': good },
    rego: { combined: ['set'] },
    code: 'REGO_PACKAGE_MISSING',
    message: /set is in spec\.rego\.combined/,
  },
  {
    says: 'a combined package that is not selected',
    files: { 'policies/a.rego': good, 'policies/b.rego': 'package set\nwarn contains "x" if false' },
    rego: { combined: ['set'] },
    code: 'REGO_PACKAGE_MISSING',
    message: /set is in spec\.rego\.combined/,
  },
  {
    says: 'deny in a package that is not selected',
    files: { 'policies/a.rego': good, 'policies/b.rego': 'package other\n\ndeny contains "x" if true' },
    code: 'REGO_PACKAGE_UNSELECTED',
    message: /^policies\/b\.rego:3: other\.deny is in a package that is not selected/,
  },
  {
    says: 'violation in a package that is not selected',
    files: { 'policies/a.rego': good, 'policies/b.rego': 'package other\nviolation_x contains "x" if true' },
    code: 'REGO_PACKAGE_UNSELECTED',
    message: /other\.violation_x/,
  },
  {
    says: 'the usual admission policy, unselected',
    files: {
      'policies/a.rego': good,
      'policies/b.rego': 'package kubernetes.admission\ndeny contains "x" if input.request.kind.kind == "Pod"',
    },
    code: 'REGO_INPUT_FOREIGN',
    message: /^policies\/b\.rego:2: the policies read input\.request/,
  },
  {
    says: 'the usual admission policy, selected',
    files: { 'policies/b.rego': 'package kubernetes.admission\ndeny contains "x" if input.request.kind.kind == "Pod"' },
    rego: { packages: 'all' },
    code: 'REGO_INPUT_FOREIGN',
    message: /input\.request/,
  },
  {
    says: 'a Gatekeeper rule through an import',
    files: { 'policies/a.rego': 'package main\nimport input.review as r\ndeny contains "x" if r.object.kind == "Pod"' },
    code: 'REGO_INPUT_FOREIGN',
    message: /input\.review/,
  },
  {
    says: 'a Gatekeeper rule through a variable',
    files: { 'policies/a.rego': 'package main\ndeny contains "x" if { r := input; r.review.object.kind == "Pod" }' },
    code: 'REGO_INPUT_FOREIGN',
    message: /input\.review/,
  },
  {
    says: 'a Gatekeeper rule through a key',
    files: { 'policies/a.rego': 'package main\ndeny contains "x" if input["review"].object.kind == "Pod"' },
    code: 'REGO_INPUT_FOREIGN',
    message: /input\.review/,
  },
  {
    says: 'a Gatekeeper rule through object.get',
    files: {
      'policies/a.rego': 'package main\ndeny contains "x" if object.get(input, "review", {}).object.kind == "Pod"',
    },
    code: 'REGO_INPUT_FOREIGN',
    message: /input\.review/,
  },
  {
    says: 'a name that conftest passes over',
    files: { 'policies/a.rego': `${good}\ndeny_a__b contains "x" if true` },
    code: 'REGO_RULE_INVALID',
    message: /^policies\/a\.rego:3: main\.deny_a__b is named like a rule that judges/,
  },
  {
    says: 'a rule of several parts',
    files: { 'policies/a.rego': 'package main\nwarn contains "w" if false\ndeny.pods contains "x" if true' },
    code: 'REGO_RULE_INVALID',
    message: /main\.deny\.pods is named like/,
  },
  {
    says: 'a rule of several parts that ends like a package',
    files: { 'policies/a.rego': 'package main\nwarn contains "w" if false\npods.deny contains "x" if true' },
    code: 'REGO_RULE_INVALID',
    message: /main\.pods\.deny is named like/,
  },
  {
    says: 'a policy in the package of the questions',
    files: { 'policies/a.rego': good, 'policies/b.rego': 'package syncgate_harness\nanswer := {}' },
    code: 'REGO_RULE_INVALID',
    message: /syncgate's own/,
  },
  {
    says: 'a policy below the package of the questions',
    files: { 'policies/a.rego': good, 'policies/b.rego': 'package syncgate_harness.one\nx := 1' },
    code: 'REGO_RULE_INVALID',
    message: /syncgate's own/,
  },
  {
    says: 'a package that opa hides',
    files: { 'policies/a.rego': good, 'policies/b.rego': 'package system.more\ndeny contains "x" if true' },
    rego: { packages: 'all' },
    code: 'REGO_RULE_INVALID',
    message: /the package system\.more is opa's own/,
  },
  {
    says: 'a rule in a hidden file of an unselected package',
    files: { 'policies/a.rego': good, 'policies/.b/.c.rego': 'package other\ndeny contains "x" if true' },
    code: 'REGO_PACKAGE_UNSELECTED',
    message: /^policies\/\.b\/\.c\.rego:2: other\.deny/,
  },
  {
    says: 'rules that call each other for ever',
    files: { 'policies/a.rego': 'package main\ndeny contains "x" if allow\nallow if not deny' },
    code: 'REGO_INVALID',
    message: /recursive/,
  },
];

it.each(refusedAtLoad)('refuses at load: $says', async ({ files, rego, code, message }) => {
  const loading = withPolicies({ files, ...(rego && { rego }) }, async () => 'loaded');
  await expect(loading).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
});

describe('rules that give no set', () => {
  it.each([
    ['a complete rule that is undefined here', 'deny := "x" if input.kind == "Secret"', 'REGO_NOT_A_SET'],
    ['a string', 'deny := "always"', 'REGO_NOT_A_SET'],
    ['true', 'deny if input.kind == "ConfigMap"', 'REGO_NOT_A_SET'],
    ['false', 'default deny := false\ndeny if input.kind == "Secret"', 'REGO_NOT_A_SET'],
    ['an array', 'deny := ["x"]', 'REGO_NOT_A_SET'],
    ['an empty array', 'deny := []', 'REGO_NOT_A_SET'],
    ['an object of rules', 'deny[msg] := true if msg := "x"', 'REGO_NOT_A_SET'],
    ['the v1 trap, deny[msg] without contains', 'deny[msg] if msg := "x"', 'REGO_NOT_A_SET'],
    ['a set that is there for others only', 'deny := {"x"} if input.kind == "Secret"', 'REGO_NOT_A_SET'],
    ['a warning that is none', 'warn := "w"', 'REGO_NOT_A_SET'],
    ['a number in the set', 'deny contains 5', 'REGO_RESULT_INVALID'],
    ['null in the set', 'deny contains null', 'REGO_RESULT_INVALID'],
    ['an array in the set', 'deny contains ["x"]', 'REGO_RESULT_INVALID'],
    ['an object without msg', 'deny contains {"message": "x"}', 'REGO_RESULT_INVALID'],
    ['an object whose msg is no string', 'deny contains {"msg": 1}', 'REGO_RESULT_INVALID'],
    ['a bad result that an exception would cover', 'deny contains 5\nexception contains [""]', 'REGO_RESULT_INVALID'],
  ])('%s is an error for the object', async (_, rule, code) => {
    const findings = await findingsFor({ files: { 'policies/a.rego': `package main\n${rule}` } }, [configMap('cfg')]);
    expect(findings).toMatchObject([{ effect: 'error', code, object: { name: 'cfg' } }]);
    expect(findings[0]?.message).toMatch(/^main\.(deny|warn) /);
  });

  it('a function is refused', async () => {
    const files = { 'policies/a.rego': 'package main\ndeny(x) := {"x"} if x' };
    await expect(findingsFor({ files }, [configMap('cfg')])).rejects.toMatchObject({
      code: 'REGO_RULE_INVALID',
      message: 'main.deny is a function, so it can judge nothing',
    });
  });
});

describe('data that nobody gives', () => {
  it.each([
    ['a root', 'deny contains "x" if input.kind in data.allowed', 'data.allowed'],
    ['behind not', 'deny contains "x" if not data.allowed[input.kind]', 'data.allowed'],
    ['through an import', 'import data.cfg.x as y\ndeny contains "x" if y.z', 'data.cfg'],
    ['a rule that is not in its package', 'deny contains "x" if data.main.is_pod', 'data.main.is_pod'],
  ])('%s is an error', async (_, rule, path) => {
    const files = { 'policies/a.rego': `package main\n${rule}` };
    await expect(findingsFor({ files }, [configMap('cfg')])).rejects.toMatchObject({
      code: 'REGO_INVALID',
      message: `the policies read ${path}, which neither a policy nor a data file defines`,
    });
  });

  it.each([['false'], ['null'], ['{}'], ['[]']])('%s is something given', async (value) => {
    const files = {
      'policies/a.rego': 'package main\ndeny contains "x" if data.flag == true',
      'd.json': `{"flag": ${value}}`,
    };
    expect(await findingsFor({ files, rego: { data: ['d.json'] } }, [configMap('cfg')])).toEqual([]);
  });

  it('data in the place of a rule is an error', async () => {
    const files = { 'policies/a.rego': good, 'd.json': '{"main": {"deny": []}}' };
    await expect(findingsFor({ files, rego: { data: ['d.json'] } }, [configMap('cfg')])).rejects.toMatchObject({
      code: 'REGO_INVALID',
      message: expect.stringMatching(/conflict/),
    });
  });

  it('a data file that is no JSON is an error that names it', async () => {
    const files = { 'policies/a.rego': good, 'd/x.json': '{"main": ' };
    await expect(findingsFor({ files, rego: { data: ['d'] } }, [configMap('cfg')])).rejects.toMatchObject({
      code: 'REGO_INVALID',
      message: expect.stringMatching(/^d\/x\.json/),
    });
  });
});
