/**
 * Objects and policies made to hang, to exhaust or to confuse. Whatever they hold, a rule answers, in a time that nobody
 * has to wait for, and never by `pass` where it could not look.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compilePolicies } from '../../../../src/checks/policy/compile.ts';
import { createResourceTable, groupVersionKind } from '../../../../src/checks/policy/kube/resources.ts';
import { compileKyvernoPolicy } from '../../../../src/checks/policy/kyverno/policy.ts';
import type { RuleResult } from '../../../../src/checks/policy/rule.ts';
import { clusterOf } from '../../../../src/checks/policy/testing/cluster.ts';
import type { JsonObject, JsonValue } from '../../../../src/core/json.ts';

const resources = createResourceTable();
const world = { cluster: clusterOf([]), now: 0, random: () => 0 };

function policyOf(rule: JsonObject): JsonObject {
  const match = { any: [{ resources: { kinds: ['Pod'] } }] };
  return {
    apiVersion: 'kyverno.io/v1',
    kind: 'ClusterPolicy',
    metadata: { name: 'hostile' },
    spec: { validationFailureAction: 'Enforce', rules: [{ name: 'rule', match, ...rule }] },
  };
}

function documentOf(rule: JsonObject) {
  return { value: policyOf(rule), file: 'policy.yaml', document: 0, locate: () => 'policy.yaml:1:1' };
}

function compile(rule: JsonObject) {
  return compileKyvernoPolicy(documentOf(rule), { resources, exceptions: [] });
}

function judge(rule: JsonObject, object: JsonObject): readonly RuleResult[] {
  const kind = groupVersionKind('v1', 'Pod');
  return compile(rule).judge(
    {
      operation: 'CREATE',
      kind,
      resource: resources.ofKind(kind).resource,
      subresource: '',
      name: 'x',
      namespace: 'shop',
      namespaced: true,
      object,
      oldObject: null,
      userInfo: undefined,
    },
    world,
  );
}

function pod(metadata: JsonObject, spec: JsonObject = { containers: [{ name: 'a', image: 'nginx:1' }] }): JsonObject {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x', namespace: 'shop', ...metadata }, spec };
}

const annotated = (annotations: JsonObject) => pod({ annotations });
const deny = (key: JsonValue, operator = 'Equals', value: JsonValue = 'never'): JsonObject => ({
  validate: { message: 'no', deny: { conditions: { any: [{ key, operator, value }] } } },
});

/** Keys that mean something to careless code. */
const strangeKeys = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'valueOf',
  'hasOwnProperty',
  '__defineGetter__',
  '',
];

function strange(depth: number): JsonValue {
  if (depth === 0) return 'constructor';
  const text = strangeKeys.map((key) => `${JSON.stringify(key)}: 0`).join(',');
  const object = JSON.parse(`{${text}}`) as Record<string, JsonValue>;
  for (const key of strangeKeys) {
    Object.defineProperty(object, key, {
      value: strange(depth - 1),
      enumerable: true,
      writable: true,
      configurable: true,
    });
  }
  return object;
}

function deep(levels: number, list: boolean): JsonValue {
  let value: JsonValue = 'bottom';
  for (let level = 0; level < levels; level++) value = list ? [value] : { a: value };
  return value;
}

const megabyte = 'a'.repeat(1_000_000);

/** One rule for each way in which an object's values are looked at. */
const rules: readonly (readonly [name: string, rule: JsonObject])[] = [
  [
    'a pattern',
    {
      validate: {
        message: 'no',
        pattern: { metadata: { annotations: { '*': '?*' } }, spec: { containers: [{ image: '!*:latest' }] } },
      },
    },
  ],
  [
    'anchors',
    {
      validate: {
        message: 'no',
        pattern: {
          spec: { '=(volumes)': [{ '=(hostPath)': 'null' }], '^(containers)': [{ image: '*' }], 'X(secret)': 'null' },
        },
      },
    },
  ],
  [
    'anyPattern',
    {
      validate: {
        message: 'no',
        anyPattern: [{ metadata: { labels: { app: '?*' } } }, { metadata: { annotations: { a: '1 - 5 | >1Gi' } } }],
      },
    },
  ],
  ['variables in a message', { validate: { message: '{{ request.object }}', pattern: { metadata: { name: 'y' } } } }],
  ['to_string', deny('{{ to_string(request.object) }}')],
  ['conditions over lists', deny('{{ request.object.metadata.annotations.* }}', 'AnyIn', ['a', 'b*'])],
  [
    'bidirectional wildcards',
    deny('{{ request.object.metadata.annotations.a }}', 'AnyIn', '{{ request.object.metadata.annotations.b }}'),
  ],
  ['comparing amounts', deny('{{ request.object.metadata.annotations.a || `0` }}', 'GreaterThan', '5Gi')],
  [
    'regular expressions',
    deny("{{ regex_match('^(a+)+$', request.object.metadata.annotations.a || '') }}", 'Equals', false),
  ],
  [
    'a query from outside',
    deny('{{ request.object.metadata.annotations.{{ request.object.metadata.annotations.q }} }}'),
  ],
  [
    'foreach',
    {
      validate: {
        message: 'no',
        foreach: [
          {
            list: 'request.object.spec.containers',
            deny: { conditions: { any: [{ key: '{{ element.image }}', operator: 'Equals', value: '*:latest' }] } },
          },
        ],
      },
    },
  ],
  [
    'a label selector',
    { match: { any: [{ resources: { kinds: ['Pod'], selector: { matchLabels: { 'a*': '*' } } } }] }, ...deny('x') },
  ],
  [
    'annotations to match',
    { match: { any: [{ resources: { kinds: ['Pod'], annotations: { '*a*a*': '*a*a*b' } } }] }, ...deny('x') },
  ],
  ['images', deny('{{ images.containers.*.registry }}', 'AnyIn', ['docker.io'])],
  ['pod security', { validate: { podSecurity: { level: 'restricted', version: 'latest' } } }],
  [
    'preconditions',
    {
      preconditions: {
        all: [{ key: '{{ length(request.object.metadata.annotations) }}', operator: 'GreaterThan', value: 0 }],
      },
      ...deny('x'),
    },
  ],
];

const objects: readonly (readonly [name: string, object: JsonObject])[] = [
  ['strange keys in metadata', annotated(strange(2) as JsonObject)],
  [
    'strange keys everywhere',
    { apiVersion: 'v1', kind: 'Pod', metadata: strange(3) as JsonObject, spec: strange(3) as JsonObject },
  ],
  ['strange names of containers', pod({}, { containers: strangeKeys.map((name) => ({ name, image: name || 'x' })) })],
  ['no metadata at all', { apiVersion: 'v1', kind: 'Pod' }],
  ['lists for objects', { apiVersion: 'v1', kind: 'Pod', metadata: [], spec: [] }],
  [
    'texts for objects',
    { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x', annotations: 'a', labels: 'b' }, spec: 'c' },
  ],
  [
    'nulls',
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: null, labels: null, annotations: null },
      spec: { containers: [null, null] },
    },
  ],
  ['objects nested deep', annotated({ a: deep(2_000, false) })],
  ['lists nested deep', pod({}, { containers: deep(2_000, true) })],
  ['texts of a megabyte', annotated({ a: megabyte, b: `${megabyte}b`, q: megabyte })],
  ['wildcards of a megabyte', annotated({ a: 'a*'.repeat(500_000), b: `${'a'.repeat(500_000)}b` })],
  ['a pattern longer than its text', annotated({ a: `*${'a'.repeat(400_000)}b*`, b: 'a'.repeat(900_000) })],
  ['digits of a megabyte', annotated({ a: '9'.repeat(1_000_000), b: `${'1'.repeat(1_000_000)}Gi` })],
  ['exponents that fill a memory', annotated({ a: '1e999999999', b: '1e-999999999' })],
  ['a name that is no image', pod({}, { containers: [{ name: 'a', image: `${'a/'.repeat(500_000)}:${megabyte}` }] })],
  [
    'ten thousand containers',
    pod({}, { containers: Array.from({ length: 10_000 }, (_, i) => ({ name: `c${i}`, image: 'nginx' })) }),
  ],
  [
    'ten thousand labels',
    pod({ labels: Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`l${i}`, 'v'])) }),
  ],
  ['a variable that names itself', annotated({ a: '{{ request.object.metadata.annotations.a }}', q: 'a' })],
  [
    'variables that double',
    annotated(
      Object.fromEntries(
        Array.from({ length: 60 }, (_, i) => [
          `a${i || ''}`.replace(/^a$/, 'a'),
          `{{ request.object.metadata.annotations.a${i + 1} }}`.repeat(2),
        ]),
      ),
    ),
  ],
  ['queries that fail', annotated({ q: '"', a: '{{ }}', b: '{{ || }}' })],
  ['a query that nests', annotated({ q: `a | ${'('.repeat(50_000)}` })],
  ['unclosed braces', annotated({ a: '{{ '.repeat(20_000), b: '}}'.repeat(20_000) })],
  ['numbers beyond all', annotated({ a: 123456789012345678901234567890n, b: 1e308, q: -0 })],
  ['lone surrogates', annotated({ a: '\ud800', b: '\udc00'.repeat(10), q: '\u0000' })],
];

describe.each(rules)('%s', (_, rule) => {
  it.each(objects)('answers about %s', (_, object) => {
    const results = judge(rule, object);
    for (const { status, message } of results) {
      expect(['pass', 'fail', 'error', 'skip']).toContain(status);
      expect(message.length).toBeLessThan(100_000_000);
    }
    // Nothing can have been added to what every object inherits.
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(({} as Record<string, unknown>)['bottom']).toBeUndefined();
  });
});

it('goes through a hundred thousand elements, and finds the last', () => {
  const containers = Array.from({ length: 100_000 }, (_, i) => ({
    name: `c${i}`,
    image: i === 99_999 ? 'bad' : 'nginx',
  }));
  const key = '{{ element.image }}';
  const foreach = [
    {
      list: 'request.object.spec.containers',
      deny: { conditions: { any: [{ key, operator: 'Equals', value: 'bad' }] } },
    },
  ];
  expect(judge({ validate: { message: 'no', foreach } }, pod({}, { containers }))).toMatchObject([{ status: 'fail' }]);
});

describe('a rule that cannot look', () => {
  it.each([
    [
      'a variable that names itself',
      deny('x {{ request.object.metadata.annotations.a }}'),
      annotated({ a: '{{ request.object.metadata.annotations.a }}' }),
    ],
    [
      'variables that double',
      deny('x {{ request.object.metadata.annotations.a0 }}'),
      annotated(
        Object.fromEntries(
          Array.from({ length: 60 }, (_, i) => [
            `a${i}`,
            `{{ request.object.metadata.annotations.a${i + 1} }}`.repeat(2),
          ]),
        ),
      ),
    ],
    [
      'a wildcard that takes too long',
      deny('{{ request.object.metadata.annotations.b }}', 'Equals', '{{ request.object.metadata.annotations.a }}'),
      annotated({ a: `*${'a'.repeat(400_000)}b*`, b: 'a'.repeat(900_000) }),
    ],
    [
      'a replacement that grows',
      deny("{{ replace_all(request.object.metadata.annotations.a, 'a', request.object.metadata.annotations.a) }}"),
      annotated({ a: 'a'.repeat(100_000) }),
    ],
    [
      'a regular expression from outside that is too large',
      deny("{{ regex_match(request.object.metadata.annotations.a, 'x') }}", 'Equals', true),
      annotated({ a: '(((a{30}){30}){30}){30}' }),
    ],
    [
      'a query from outside that is none',
      deny('{{ {{ request.object.metadata.annotations.q }} }}'),
      annotated({ q: 'a..b' }),
    ],
    [
      'a query that asks for the clock, and nests',
      deny('{{ {{ request.object.metadata.annotations.q }} }}'),
      annotated({ q: `${'!('.repeat(5_000)}time_now()` }),
    ],
    [
      'base64 of an alias bomb',
      deny('{{ parse_yaml(request.object.metadata.annotations.a) }}'),
      annotated({ a: bomb(12) }),
    ],
  ])('says so: %s', (_, rule, object) => {
    expect(judge(rule, object)).toMatchObject([{ status: 'error' }]);
  });
});

function bomb(levels: number): string {
  const lines = ['a0: &a0 [x,x,x,x,x,x,x,x,x,x]'];
  for (let level = 1; level < levels; level++) {
    lines.push(
      `a${level}: &a${level} [${Array(10)
        .fill(`*a${level - 1}`)
        .join(',')}]`,
    );
  }
  return lines.join('\n');
}

describe('a policy that is too much', () => {
  it.each<[string, JsonObject]>([
    ['a pattern nested deep', { validate: { message: 'no', pattern: deep(50_000, false) } }],
    ['a query nested deep', deny(`{{ ${'('.repeat(50_000)}a }}`)],
    ['a query of megabytes', deny(`{{ '${'a'.repeat(3_000_000)}' }}`)],
    ['a query that does not end', deny("{{ 'a }}")],
    ['a function that nobody knows', deny('{{ toString(request.object) }}')],
    ['a function of the network', deny("{{ is_external_url('http://a') }}")],
    ['an operator that nobody knows', deny('a', 'constructor')],
    ['a field that nobody knows', { validate: { message: 'no', pattern: {} }, constructor: {} }],
  ])('is refused when it is loaded: %s', (_, rule) => {
    const { policies, refused } = compilePolicies({
      documents: [documentOf(rule)],
      resources,
      cluster: world.cluster,
      kubernetes: '1.36',
      isTest: false,
    });
    expect(policies).toEqual([]);
    expect(refused).toMatchObject([{ identity: { name: 'hostile' }, error: { name: 'GateError' } }]);
  });
});

it('never throws, whatever the object', () => {
  const compiled = rules.map(([, rule]) => rule);
  const text = fc.oneof(
    fc.string(),
    fc.constantFrom('{{ request }}', '*', '1Gi', '30m', '', '__proto__', '$(a)', '>5', 'a|b', '1-2'),
  );
  const any = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      text,
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.bigInt(),
      tie('list'),
      tie('object'),
    ),
    list: fc.array(tie('value'), { maxLength: 3 }),
    object: fc.dictionary(
      fc.oneof(
        text,
        fc.constantFrom('containers', 'image', 'name', 'securityContext', 'labels', 'annotations', 'a', 'b', 'q'),
      ),
      tie('value'),
      { maxKeys: 4 },
    ),
  }));
  fc.assert(
    fc.property(fc.constantFrom(...compiled), any.object, any.object, (rule, metadata, spec) => {
      const results = judge(rule, { apiVersion: 'v1', kind: 'Pod', metadata, spec } as JsonObject);
      expect(results.length).toBeLessThan(2);
    }),
    { numRuns: 1_500 },
  );
});
