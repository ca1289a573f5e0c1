import { describe, expect, it } from 'vitest';
import type { PolicyDocument } from '../../../../src/checks/policy/document.ts';
import {
  createImageInquiry,
  type ImageAnswer,
  type ImageQuestion,
} from '../../../../src/checks/policy/image-answers.ts';
import { createResourceTable, groupVersionKind } from '../../../../src/checks/policy/kube/resources.ts';
import { compileKyvernoException } from '../../../../src/checks/policy/kyverno/exceptions.ts';
import { compileKyvernoPolicy } from '../../../../src/checks/policy/kyverno/policy.ts';
import type { CompiledPolicy } from '../../../../src/checks/policy/rule.ts';
import { clusterOf } from '../../../../src/checks/policy/testing/cluster.ts';
import type { JsonObject } from '../../../../src/core/json.ts';
import { readSettings } from '../../../../src/core/settings-file.ts';

const digest = `sha256:${'1'.repeat(64)}`;
const signed = `ghcr.io/acme/shop:1@${digest}`;
const unsigned = `ghcr.io/acme/other@${digest}`;
const resources = createResourceTable();
const attestors = `attestors: [{entries: [{keys: {publicKeys: x}}]}]`;

function documentsOf(yaml: string): PolicyDocument[] {
  return readSettings(yaml, 'policies.yaml', 'POLICY_INVALID').map(({ value, locate }, document) => ({
    value: value as JsonObject,
    file: 'policies.yaml',
    document,
    locate(path, part) {
      const { file, line, column } = locate(path, part);
      return `${file}:${line}:${column}`;
    },
  }));
}

function compile(yaml: string): CompiledPolicy {
  const [policy, ...exceptions] = documentsOf(yaml);
  if (policy === undefined) throw new Error('no policy');
  return compileKyvernoPolicy(policy, {
    resources,
    exceptions: exceptions.map((each) => compileKyvernoException(each, { resources, isTest: false })),
  });
}

function policy(entry: string, rest = ''): string {
  return `{apiVersion: kyverno.io/v1, kind: ClusterPolicy, metadata: {name: c}, spec: {${rest} rules: [{name: r, match: {any: [{resources: {kinds: [Pod]}}]}, verifyImages: [${entry}]}]}}`;
}

function objectWith(kind: string, ...images: string[]): JsonObject {
  const spec = { containers: images.map((image, i) => ({ name: `c${i}`, image })) };
  const metadata = { name: 'x', namespace: 'shop' };
  return kind === 'Pod'
    ? { apiVersion: 'v1', kind, metadata, spec }
    : { apiVersion: 'apps/v1', kind, metadata, spec: { template: { spec } } };
}

const asked: string[] = [];
const verify = async ({ image, trust }: ImageQuestion): Promise<ImageAnswer> => {
  asked.push(`${trust.owner}: ${image}`);
  if (image.includes('/shop')) return { kind: 'verified', digest, statements: [] };
  return image.includes('/broken')
    ? { kind: 'error', message: 'no answer' }
    : { kind: 'refused', message: 'not signed' };
};

async function judge(yaml: string, object: JsonObject) {
  const compiled = compile(yaml);
  const { answers, settle } = createImageInquiry(verify);
  const kind = groupVersionKind(String(object['apiVersion']), String(object['kind']));
  const type = resources.ofKind(kind);
  const request = {
    operation: 'CREATE',
    kind,
    resource: type.resource,
    subresource: '',
    name: 'x',
    namespace: 'shop',
    namespaced: true,
    object,
    oldObject: null,
    userInfo: undefined,
  } as const;
  const world = { cluster: clusterOf([]), now: 0, random: () => 0, images: answers };
  for (;;) {
    const results = compiled.judge(request, world);
    if (!(await settle(AbortSignal.timeout(10_000)))) {
      return results.map(({ rule, status, message, action }) => ({ rule, status, message, action }));
    }
  }
}

describe('a rule that verifies images', () => {
  const any = `{imageReferences: ['*'], ${attestors}}`;

  it.each([
    ['passes signed images', [signed], 'pass', 'verified image signatures for ghcr.io/acme/shop@'],
    ['fails one that is not', [signed, unsigned], 'fail', 'not signed'],
    ['is an error where nobody knows', [`ghcr.io/acme/broken@${digest}`, unsigned], 'error', 'no answer'],
    ['fails a tag', ['ghcr.io/acme/shop:1'], 'fail', 'missing digest for ghcr.io/acme/shop:1'],
  ])('%s', async (_, images, status, message) => {
    expect(await judge(policy(any), objectWith('Pod', ...images))).toMatchObject([
      { rule: 'r', status, message: expect.stringContaining(message) },
    ]);
  });

  it('is carried over to workloads, and trusts the same there', async () => {
    asked.length = 0;
    expect(await judge(policy(any), objectWith('Deployment', unsigned))).toMatchObject([
      { rule: 'autogen-r', status: 'fail' },
    ]);
    expect(asked).toEqual([`ClusterPolicy c, rule r: ${unsigned}`]);
    const compiled = compile(policy(any));
    expect(compiled.trusts).toHaveLength(1);
    expect(compiled.rules[0]?.notEvaluated).toBeUndefined();
  });

  it('says nothing of images that it does not mean, and skips those that it leaves out', async () => {
    const entry = `{imageReferences: ['quay.io/*'], ${attestors}}`;
    expect(await judge(policy(entry), objectWith('Pod', unsigned))).toEqual([]);
    const skipping = `{imageReferences: ['*'], skipImageReferences: ['ghcr.io/acme/*'], ${attestors}}`;
    expect(await judge(policy(skipping), objectWith('Pod', unsigned))).toMatchObject([{ status: 'skip' }]);
  });

  it('means a pinned image by its tag too', async () => {
    const entry = `{imageReferences: ['ghcr.io/acme/other:2'], ${attestors}}`;
    expect(await judge(policy(entry), objectWith('Pod', `ghcr.io/acme/other:2@${digest}`))).toMatchObject([
      { status: 'fail' },
    ]);
  });

  it('asks for digests alone where it trusts nobody', async () => {
    const entry = `{imageReferences: ['*'], required: false}`;
    expect(await judge(policy(entry), objectWith('Pod', unsigned))).toMatchObject([{ status: 'pass' }]);
    expect(await judge(policy(entry), objectWith('Pod', 'a:1'))).toMatchObject([{ status: 'fail' }]);
    expect(await judge(policy(`{imageReferences: ['*']}`), objectWith('Pod', unsigned))).toMatchObject([
      { status: 'fail', message: expect.stringContaining('unverified image') },
    ]);
  });

  it('enforces where one of its entries does, and audits where nobody says more', async () => {
    const enforced = `{imageReferences: ['*'], failureAction: Enforce, ${attestors}}`;
    expect(await judge(policy(enforced), objectWith('Pod', unsigned))).toMatchObject([{ action: 'deny' }]);
    expect(await judge(policy(any, 'validationFailureAction: Enforce,'), objectWith('Pod', unsigned))).toMatchObject([
      { action: 'deny' },
    ]);
    expect(await judge(policy(any), objectWith('Pod', unsigned))).toMatchObject([{ action: 'audit' }]);
  });

  it('obeys exceptions and preconditions', async () => {
    const exception = `\n---\n{apiVersion: kyverno.io/v2, kind: PolicyException, metadata: {name: e, namespace: n}, spec: {match: {any: [{resources: {kinds: [Pod]}}]}, exceptions: [{policyName: c, ruleNames: [r]}]}}`;
    expect(await judge(policy(any) + exception, objectWith('Pod', unsigned))).toMatchObject([{ status: 'skip' }]);
    const never = policy(any).replace(
      'verifyImages',
      `preconditions: {all: [{key: a, operator: Equals, value: b}]}, verifyImages`,
    );
    expect(await judge(never, objectWith('Pod', unsigned))).toMatchObject([{ status: 'skip' }]);
  });

  it.each([
    [
      'imageExtractors',
      policy(any).replace('verifyImages', 'imageExtractors: {X: [{path: /a}]}, verifyImages'),
      'imageExtractors are not read',
    ],
    ['no references', policy(`{${attestors}}`), 'imageReferences is required'],
    ['nobody, and a key of old', policy(`{imageReferences: ['*'], key: x}`), 'unknown key "key"'],
    ['nothing', policy(''), 'verifyImages is empty'],
  ])('with %s is refused by its line', (_, yaml, message) => {
    expect(() => compile(yaml)).toThrow(message);
    expect(() => compile(yaml)).toThrow(/^policies\.yaml:\d+:\d+: /);
  });
});
