/** ClusterPolicies of random rules over a few workloads: whole rules, with what Kyverno prints about them. */
import { conditionOperatorNames } from '../../../src/checks/policy/kyverno/conditions/operator.ts';
import { isObject, type JsonObject, type JsonValue } from '../../../src/core/json.ts';
import type { PolicyCase } from './cases.ts';
import { Chance } from './random-queries.ts';
import { randomExclude } from './random-questions.ts';

const objects: readonly JsonObject[] = [
  {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'one',
      namespace: 'shop',
      labels: { app: 'web', team: 'a', tier: '1', size: '10', 'corp.example/owner': 'me' },
      annotations: { note: 'x', cpu: '100m', wait: '30s', 'corp.example/owner': 'me' },
    },
    spec: {
      hostNetwork: false,
      terminationGracePeriodSeconds: 30,
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'web',
          image: 'ghcr.io/shop/web:1.2.3',
          ports: [{ containerPort: 8080, hostPort: 0 }, { containerPort: 9090 }],
          env: [
            { name: 'A', value: '1' },
            { name: 'B', value: 'b' },
          ],
          resources: { limits: { memory: '512Mi', cpu: '1' }, requests: { memory: '256Mi', cpu: '500m' } },
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'], add: ['CHOWN'] } },
          livenessProbe: { periodSeconds: 10, httpGet: { path: '/', port: 8080 } },
        },
        {
          name: 'side',
          image: 'docker.io/library/nginx:latest',
          resources: { limits: { memory: '1Gi' } },
          securityContext: { allowPrivilegeEscalation: true, capabilities: { drop: ['NET_RAW'] } },
        },
      ],
      initContainers: [{ name: 'init', image: 'busybox', command: ['sh', '-c', 'true'] }],
      volumes: [
        { name: 'data', emptyDir: {} },
        { name: 'host', hostPath: { path: '/var/log' } },
      ],
    },
  },
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'two', namespace: 'shop', labels: { app: 'web' } },
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web', team: 'b', size: '5' }, annotations: { cpu: '200m', wait: '1m' } },
        spec: {
          hostPID: true,
          containers: [
            {
              name: 'web',
              image: 'ghcr.io/shop/web:2',
              ports: [{ containerPort: 80, hostPort: 80 }],
              resources: { limits: { memory: '64Mi' }, requests: { memory: '64Mi' } },
              securityContext: { privileged: true, runAsUser: 0 },
            },
          ],
        },
      },
    },
  },
  {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name: 'three', namespace: 'default' },
    spec: {
      schedule: '* * * * *',
      jobTemplate: {
        spec: {
          template: {
            metadata: { labels: { app: 'job' } },
            spec: { restartPolicy: 'Never', containers: [{ name: 'job', image: 'registry.example/job' }] },
          },
        },
      },
    },
  },
];

const pod = objects[0] as JsonObject & { readonly metadata: JsonObject; readonly spec: JsonObject };
// None is a variable alone: Kyverno breaks down where such a one is null.
const messages = [
  '',
  'all of {{ request.object.metadata.name }} must',
  'Ends.',
  '{{ request.object.metadata.nothing }}',
];

/** A policy of random rules, and the objects that its mutants are made of. */
export function randomRules(seed: number, count: number): PolicyCase {
  const chance = new Chance(seed);
  const name = `random-${seed}`;
  const rules = Array.from({ length: count }, (_, index) => randomRule(chance, `r${index}`));
  const value: JsonObject = { apiVersion: 'kyverno.io/v1', kind: 'ClusterPolicy', metadata: { name }, spec: { rules } };
  const document = { value, file: `${name}.yaml`, document: 0, locate: () => `${name}.yaml` };
  return { file: name, document, kind: 'ClusterPolicy', name, objects };
}

function randomRule(chance: Chance, name: string): JsonObject {
  const which = chance.next();
  const body: JsonObject =
    which < 0.35
      ? { pattern: randomPattern(chance) }
      : which < 0.45
        ? { anyPattern: [randomPattern(chance), randomPattern(chance)] }
        : which < 0.65
          ? { deny: { conditions: randomConditions(chance, keys) } }
          : which < 0.85
            ? { foreach: [randomForeach(chance)] }
            : { podSecurity: randomSecurity(chance) };
  const message = chance.of(messages);
  return {
    name,
    match: { any: [{ resources: { kinds: ['Pod'] } }] },
    ...(chance.next() < 0.15 && { preconditions: randomConditions(chance, keys) }),
    validate: { ...(message !== '' && body['podSecurity'] === undefined && { message }), ...body },
  };
}

const anchors = ['', '', '', '', '()', '=()', 'X()', '^()', '<()'];

function randomPattern(chance: Chance): JsonObject {
  const { labels = {}, annotations = {} } = pod.metadata;
  if (chance.next() < 0.2) return { metadata: patternOf(chance, { labels, annotations }, 3) };
  return { spec: patternOf(chance, pod.spec, 5) };
}

/** A pattern in the shape of a value, with what may and may not fit it. */
function patternOf(chance: Chance, value: JsonValue, depth: number): JsonValue {
  if (Array.isArray(value)) return value.length === 0 ? ['*'] : [patternOf(chance, chance.of(value), depth - 1)];
  if (!isObject(value)) return chance.of(leaves(value));
  const keysOf = Object.keys(value);
  if (keysOf.length === 0 || depth <= 0) return '*';
  const chosen = new Set(Array.from({ length: 1 + chance.below(3) }, () => chance.of(keysOf)));
  return Object.fromEntries(
    [...chosen].map((key) => {
      const own = value[key] as JsonValue;
      const anchor = chance.of(anchors);
      if (anchor === 'X()') return [`X(${key})`, 'null'];
      const exists = Array.isArray(own) && isObject(own[0]);
      const written = anchor === '' || (anchor === '^()' && !exists) ? key : anchor.replace('()', `(${key})`);
      return [written, patternOf(chance, own, depth - 1)];
    }),
  );
}

function leaves(value: JsonValue): readonly JsonValue[] {
  const text = String(value);
  if (typeof value === 'number') {
    return [value, value + 1, text, `>=${text}`, `<${text}`, `${value - 1}-${value + 1}`, `!${text}`, '?*', '*', null];
  }
  if (typeof value === 'boolean') return [value, !value, text, '!true', '?*', null];
  return [text, `${text.slice(0, 2)}*`, `!${text}`, '?*', '*', `${text} | other`, '!*:latest', '>=256Mi', '<1h', 'x'];
}

const keys = [
  '{{ request.object.spec.containers[].image }}',
  "{{ request.object.metadata.labels.team || '' }}",
  '{{ request.object.metadata.labels.missing }}',
  '{{ request.object.spec.terminationGracePeriodSeconds || `0` }}',
  "{{ request.object.metadata.annotations.wait || '' }}",
  "{{ request.object.spec.containers[].resources.limits.memory | [0] || '0' }}",
  "{{ request.object.metadata.labels.size || '0' }}",
  '{{ request.object.spec.hostNetwork || `false` }}',
  '{{ length(request.object.spec.containers) }}',
  '{{ request.object.spec.securityContext || `{}` }}',
];
const elementKeys = ['{{ element.image }}', "{{ element.name || '' }}", "{{ element.resources.limits.memory || '' }}"];
const values: readonly JsonValue[] = [
  'a',
  ['a', 'b'],
  5,
  '10',
  '30s',
  '512Mi',
  '1-100',
  'ghcr.io/*',
  ['*:latest', 'busybox'],
  30,
  true,
  '["a","c"]',
  '1.2.3',
  { runAsNonRoot: true },
];
// Kyverno breaks down where In meets a list that holds more than texts, and takes Equal in some places alone.
const operators = conditionOperatorNames().filter((name) => !['In', 'NotIn', 'Equal', 'NotEqual'].includes(name));

function randomConditions(chance: Chance, from: readonly string[]): JsonObject {
  const condition = (): JsonObject => ({
    key: chance.of(from),
    operator: chance.of(operators),
    value: chance.of(values),
    ...(chance.next() < 0.3 && { message: 'because {{ request.object.kind }}' }),
  });
  const some = Array.from({ length: 1 + chance.below(2) }, condition);
  const which = chance.below(3);
  return which === 0 ? { any: some } : which === 1 ? { all: some } : { any: some, all: [condition()] };
}

const lists = [
  'request.object.spec.containers',
  'request.object.spec.[initContainers, containers][]',
  'request.object.spec.volumes',
  'request.object.spec.nothing',
];

function randomForeach(chance: Chance): JsonObject {
  const containers = pod.spec['containers'] as readonly JsonValue[];
  const which = chance.next();
  return {
    list: chance.of(lists),
    ...(chance.next() < 0.2 && { preconditions: randomConditions(chance, elementKeys) }),
    ...(which < 0.45
      ? { pattern: patternOf(chance, chance.of(containers), 4) }
      : which < 0.6
        ? { anyPattern: [patternOf(chance, chance.of(containers), 4), patternOf(chance, chance.of(containers), 3)] }
        : which < 0.85
          ? { deny: { conditions: randomConditions(chance, elementKeys) } }
          : { foreach: [{ list: 'element.ports', pattern: { containerPort: chance.of(leaves(8080)) } }] }),
  };
}

function randomSecurity(chance: Chance): JsonObject {
  const fits = ({ controlName, images = [] }: ReturnType<typeof randomExclude>): boolean =>
    images.length === 0 ? !ofContainers.includes(controlName) : !ofPods.includes(controlName);
  const exclude = Array.from({ length: chance.below(4) }, () => randomExclude(chance)).filter(fits);
  return {
    level: 'restricted',
    version: chance.of(['latest', 'v1.24', 'v1.29']),
    ...(exclude.length > 0 && { exclude: exclude as unknown as JsonValue }),
  };
}

const ofContainers = [
  'Capabilities',
  'Privileged Containers',
  'Host Ports',
  '/proc Mount Type',
  'Privilege Escalation',
];
const ofPods = ['Host Namespaces', 'HostPath Volumes', 'Sysctls', 'Volume Types'];
