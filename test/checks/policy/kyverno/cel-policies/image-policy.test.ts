import { describe, expect, it } from 'vitest';
import {
  createImageInquiry,
  type ImageAnswer,
  type ImageQuestion,
} from '../../../../../src/checks/policy/image-answers.ts';
import type { CompiledPolicy, RuleResult } from '../../../../../src/checks/policy/rule.ts';
import type { JsonObject } from '../../../../../src/core/json.ts';
import { type Asked, ask, compile, deployment, pod } from './ask.ts';

const digest = `sha256:${'1'.repeat(64)}`;
const signed = `ghcr.io/acme/shop@${digest}`;
const unsigned = `ghcr.io/acme/other@${digest}`;
const match = `matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], resources: [pods], operations: [CREATE, UPDATE]}]}`;
const allSigned = `validations: [{expression: 'images.containers.all(i, verifyImageSignatures(i, [attestors.release]) > 0)', message: not signed}]`;

function policy(rest: string, attestors = '[{name: release, cosign: {key: {data: x}}}]', more = ''): string {
  return `{apiVersion: policies.kyverno.io/v1, kind: ImageValidatingPolicy, metadata: {name: i}, spec: {${match}, attestors: ${attestors}, ${rest}}}${more}`;
}

const withImages = (...images: string[]): JsonObject => ({ containers: images.map((image) => ({ name: 'c', image })) });
const verify = async ({ image }: ImageQuestion): Promise<ImageAnswer> => {
  if (image.includes('/shop')) return { kind: 'verified', digest, statements: [] };
  return image.includes('/broken') ? { kind: 'error', message: 'no answer' } : { kind: 'refused', message: 'no' };
};

/** Judges until every question is answered, as the gate does. */
async function judgeAll(policies: readonly CompiledPolicy[], asked: Asked, by = verify) {
  const { answers, settle } = createImageInquiry(by);
  const world = { ...asked.world, images: answers };
  for (;;) {
    const results = policies.map((each) => ask(each, { ...asked, world }));
    if (!(await settle(AbortSignal.timeout(10_000)))) return results;
  }
}

async function statuses(yaml: string, asked: Asked, by = verify) {
  const [results = []] = await judgeAll([compile(yaml)], asked, by);
  return results.map(({ status, message }: RuleResult) => [status, message]);
}

describe('an ImageValidatingPolicy', () => {
  it.each([
    ['signed images pass', withImages(signed), [['pass', 'success']]],
    ['one that is not fails', withImages(signed, unsigned), [['fail', 'not signed']]],
    [
      'one that nobody could ask about is an error',
      withImages(`ghcr.io/acme/broken@${digest}`),
      [['error', 'failed to evaluate policy: failed to get imagedata: no answer']],
    ],
    [
      'a tag is none',
      withImages('ghcr.io/acme/shop:1'),
      [['fail', 'image ghcr.io/acme/shop:1 does not have a digest']],
    ],
  ])('%s', async (_, spec, expected) =>
    expect(await statuses(policy(allSigned), { object: pod(spec) })).toEqual(expected),
  );

  it('judges workloads by their templates', async () => {
    expect(await statuses(policy(allSigned), { object: deployment(withImages(unsigned)) })).toEqual([
      ['fail', 'not signed'],
    ]);
    expect(await statuses(policy(allSigned), { object: deployment(withImages(signed)) })).toEqual([
      ['pass', 'success'],
    ]);
  });

  it('is an error as long as it has no answer, and where nothing verifies images', () => {
    const compiled = compile(policy(allSigned));
    expect(ask(compiled, { object: pod(withImages(signed)) })).toMatchObject([{ status: 'error' }]);
    const { answers } = createImageInquiry(verify);
    expect(ask(compiled, { object: pod(withImages(signed)), world: { images: answers } })).toMatchObject([
      { status: 'error', message: expect.stringContaining('awaited') },
    ]);
  });

  it('asks about everything at once', async () => {
    const asked: string[] = [];
    let rounds = 0;
    const { answers, settle } = createImageInquiry(async (question) => {
      asked.push(question.image);
      return verify(question);
    });
    const compiled = compile(policy(allSigned));
    do {
      rounds += 1;
      ask(compiled, { object: pod(withImages(signed, unsigned, `${signed}`)), world: { images: answers } });
    } while (await settle(AbortSignal.timeout(10_000)));
    expect(asked).toEqual([signed, unsigned]);
    expect(rounds).toBe(2);
  });

  it('says nothing of images that it is not about', async () => {
    const yaml = policy(`matchImageReferences: [{glob: 'quay.io/*'}, {expression: "ref.endsWith('x')"}], ${allSigned}`);
    expect(await statuses(yaml, { object: pod(withImages(unsigned, 'redis')) })).toEqual([['pass', 'success']]);
    expect(await statuses(yaml, { object: pod(withImages('nginx-x')) })).toEqual([
      ['fail', 'image nginx-x does not have a digest'],
    ]);
  });

  it('says nothing of objects that its conditions take out', async () => {
    const yaml = policy(`matchConditions: [{name: c, expression: 'false'}], ${allSigned}`);
    expect(await statuses(yaml, { object: pod(withImages(unsigned)) })).toEqual([]);
  });

  it('is excepted whole, and not in part', async () => {
    const exception = (rest: string) =>
      `\n---\n{apiVersion: policies.kyverno.io/v1, kind: PolicyException, metadata: {name: e}, spec: {policyRefs: [{kind: ImageValidatingPolicy, name: i}]${rest}}}`;
    expect((await statuses(policy(allSigned) + exception(''), { object: pod(withImages(unsigned)) }))[0]?.[0]).toBe(
      'skip',
    );
    const part = policy(allSigned) + exception(`, images: ['${unsigned}']`);
    expect((await statuses(part, { object: pod(withImages(unsigned)) }))[0]?.[0]).toBe('fail');
  });

  it('finds images where the policy says they are', async () => {
    const yaml = policy(
      `images: [{name: own, expression: '[object.metadata.annotations.image]'}], validations: [{expression: 'images.own.all(i, verifyImageSignatures(i, [attestors.release]) == 1)'}]`,
    );
    const about = (image: string) => ({ object: pod({}, { annotations: { image } }) });
    expect((await statuses(yaml, about(signed)))[0]?.[0]).toBe('pass');
    expect((await statuses(yaml, about(unsigned)))[0]?.[0]).toBe('fail');
    expect((await statuses(yaml, { object: pod({}) }))[0]?.[0]).toBe('error');
  });

  it('counts the attestors that vouch', async () => {
    const two = '[{name: a, cosign: {key: {data: x}}}, {name: b, cosign: {key: {data: y}}}]';
    const yaml = policy(
      `validations: [{expression: 'images.containers.all(i, verifyImageSignatures(i, [attestors.a, attestors.b]) == 2)'}]`,
      two,
    );
    const onlyA = async ({ trust }: ImageQuestion): Promise<ImageAnswer> =>
      trust.owner.endsWith(' a') ? { kind: 'verified', digest, statements: [] } : { kind: 'refused', message: 'no' };
    expect((await statuses(yaml, { object: pod(withImages(signed)) }))[0]?.[0]).toBe('pass');
    expect((await statuses(yaml, { object: pod(withImages(signed)) }, onlyA))[0]?.[0]).toBe('fail');
  });

  it('asks for attestations by their type', async () => {
    const yaml = policy(
      `attestations: [{name: sbom, intoto: {type: cyclonedx}}], validations: [{expression: 'images.containers.all(i, verifyAttestationSignatures(i, attestations.sbom, [attestors.release]) > 0)'}]`,
    );
    const types: unknown[] = [];
    await statuses(yaml, { object: pod(withImages(signed)) }, async (question) => {
      types.push(question.trust.attestation?.predicateType);
      return verify(question);
    });
    expect(types).toEqual(['cyclonedx']);
  });
});

describe('what an attestation says', () => {
  const type = 'https://example.com/scan';
  const statement = (critical: number) => ({ predicateType: type, predicate: { critical } }) as unknown as JsonObject;
  const yaml = policy(
    `attestations: [{name: scan, intoto: {type: '${type}'}}], validations: [{expression: 'images.containers.all(i, verifyAttestationSignatures(i, attestations.scan, [attestors.release]) > 0)', message: not scanned}, {expression: 'images.containers.all(i, extractPayload(i, attestations.scan).predicate.critical == 0)', message: critical}]`,
  );
  const attesting =
    (...statements: JsonObject[]) =>
    async (): Promise<ImageAnswer> =>
      statements.length === 0 ? { kind: 'refused', message: 'no' } : { kind: 'verified', digest, statements };
  const asked = { object: pod(withImages(signed)) };

  it.each([
    ['holds', [statement(0)], [['pass', 'success']]],
    ['does not hold', [statement(1)], [['fail', 'critical']]],
    ['was never verified', [], [['fail', 'not scanned']]],
    ['is said twice in the same words', [statement(0), statement(0)], [['pass', 'success']]],
    [
      'is said twice in different words',
      [statement(0), statement(1)],
      [['error', expect.stringContaining('2 attestations of scan')]],
    ],
  ])('%s', async (_, statements, expected) => {
    expect(await statuses(yaml, asked, attesting(...statements))).toEqual(expected);
  });

  it('is an error where nobody verified it before', async () => {
    const unverified = yaml.replace(/\{expression: 'images.containers.all\(i, verify[^}]*\}, /, '');
    expect(await statuses(unverified, asked, attesting(statement(0)))).toEqual([
      ['error', expect.stringContaining('cannot be fetch before verifying')],
    ]);
  });
});

describe('what must have been verified', () => {
  const nothing = `validations: [{expression: 'true'}]`;

  it('is every image that the policy is about', async () => {
    expect(await statuses(policy(nothing), { object: pod(withImages(signed)) })).toEqual([
      ['fail', `image ${signed} is not verified: no policy performed a signature or attestation check on it`],
    ]);
    const tolerant = `validations: [{expression: 'images.containers.all(i, verifyImageSignatures(i, [attestors.release]) >= 0)'}]`;
    expect(await statuses(policy(tolerant), { object: pod(withImages(unsigned)) })).toEqual([
      ['fail', `image ${unsigned} failed signature or attestation verification`],
    ]);
    expect(
      await statuses(policy(`validationConfigurations: {required: false}, ${nothing}`), {
        object: pod(withImages(signed)),
      }),
    ).toEqual([['pass', 'success']]);
  });

  it.each([[[0, 1]], [[1, 0]]])('may have been verified by another policy, in any order', async (order) => {
    const both = [compile(policy(nothing)), compile(policy(allSigned).replace('name: i}', 'name: j}'))];
    const results = await judgeAll(
      order.map((i) => both[i] as CompiledPolicy),
      { object: pod(withImages(signed)) },
    );
    expect(results.flat().map(({ status }) => status)).toEqual(['pass', 'pass']);
  });
});

describe('what is refused when it is loaded', () => {
  it.each([
    [
      'what a registry says',
      policy(`validations: [{expression: "getImageData('a').x == 1"}]`),
      'getImageData is not evaluated',
    ],
    ['a glob that is none', policy(`matchImageReferences: [{glob: '['}], ${allSigned}`), 'glob has a set'],
    [
      'a match that is neither',
      policy(`matchImageReferences: [{}], ${allSigned}`),
      'exactly one of glob and expression',
    ],
    [
      'an attestation that is neither',
      policy(`attestations: [{name: a}], ${allSigned}`),
      'exactly one of intoto and referrer',
    ],
    ['two attestors of one name', policy(allSigned, '[{name: a}, {name: a}]'), 'same name'],
    [
      'attachments by the Notary Project',
      policy(
        `attestations: [{name: a, referrer: {type: x}}], validations: [{expression: 'images.containers.all(i, verifyAttestationSignatures(i, attestations.a, [attestors.n]) > 0)'}]`,
        '[{name: n, notary: {certs: {value: x}}}]',
      ),
      'Notary Project',
    ],
    ['an unknown field', policy(`verify: true, ${allSigned}`), 'unknown key "verify"'],
  ])('%s', (_, yaml, message) => {
    expect(() => compile(yaml)).toThrow(message);
    expect(() => compile(yaml)).toThrow(/^policies\.yaml:\d+:\d+: /);
  });
});
