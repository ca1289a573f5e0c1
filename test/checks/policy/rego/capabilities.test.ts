import { execFileSync } from 'node:child_process';
import { beforeAll, describe, expect, it } from 'vitest';
import { allowedOf, capabilitiesText, FORBIDDEN } from '../../../../src/checks/policy/rego/capabilities.ts';
import { tool } from '../../../support/tools/resolve.ts';

interface Capabilities {
  readonly builtins: readonly { readonly name: string; readonly nondeterministic?: boolean }[];
  readonly allow_net?: readonly string[];
}

const kept = JSON.parse(capabilitiesText()) as Capabilities;
const names = kept.builtins.map(({ name }) => name);
let current: Capabilities;
beforeAll(async () => {
  current = JSON.parse(execFileSync(await tool('opa'), ['capabilities', '--current'], { encoding: 'utf8' }));
});

describe('what policies may call', () => {
  it('is what the pinned opa has, without what reaches out or differs from run to run', () => {
    const { allow_net, ...rest } = kept;
    expect(rest).toEqual(allowedOf(current));
    expect(allow_net).toEqual([]);
  });

  it('leaves out everything that opa marks as differing, but the clock, which the gate gives', () => {
    const marked = current.builtins.filter(({ nondeterministic }) => nondeterministic).map(({ name }) => name);
    expect(names.filter((name) => marked.includes(name))).toEqual(['time.now_ns']);
  });

  it.each([...FORBIDDEN])('has no %s', (name) => {
    expect(names).not.toContain(name);
    expect(
      current.builtins.map((each) => each.name),
      'the pinned opa knows it',
    ).toContain(name);
  });

  it.each([
    'net.cidr_contains',
    'sprintf',
    'units.parse_bytes',
    'regex.match',
    'json.patch',
    'crypto.sha256',
    'glob.match',
  ])('has %s', (name) => expect(names).toContain(name));
});
