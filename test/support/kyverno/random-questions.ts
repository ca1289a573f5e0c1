/** Patterns, conditions and Pods of every kind, most of which mean little: what they say is recorded from Kyverno itself. */
import { conditionOperatorNames } from '../../../src/checks/policy/kyverno/conditions/operator.ts';
import { CONTROL_NAMES } from '../../../src/checks/policy/kyverno/pod-security/controls.ts';
import type { Exclude } from '../../../src/checks/policy/kyverno/pod-security/exclude.ts';
import type { JsonObject, JsonValue } from '../../../src/core/json.ts';
import { Chance } from './random-queries.ts';

interface PatternQuestion {
  readonly kind: 'pattern';
  readonly pattern: JsonValue;
  readonly resource: JsonValue;
  readonly floats: boolean;
}

interface OperatorQuestion {
  readonly kind: 'operator';
  readonly operator: string;
  readonly key: JsonValue;
  readonly value: JsonValue;
  readonly keyFloat: boolean;
  readonly valueFloat: boolean;
}

interface PodQuestion {
  readonly kind: 'pod';
  readonly resource: JsonObject;
  readonly level: string;
  readonly version: string;
  readonly exclude: readonly Exclude[];
}

export type Question = PatternQuestion | OperatorQuestion | PodQuestion;

export function randomQuestion(kind: Question['kind'], seed: number): Question {
  const chance = new Chance(seed);
  if (kind === 'pattern') return randomPattern(chance);
  return kind === 'operator' ? randomCondition(chance) : randomPod(chance);
}

const texts = (
  '*,?*,?,a,b,ab,a*,8*,!a,!a*,!!a,a|b,a & b,a* & !ab,|,&,a|,!| b,>,!,>=1,<5,>1Gi,<=512Mi,>= 5 & <= 7 | 10,1-10,-10--8,' +
  '10!-20,1Mi-1Gi,1-,a-b,1h,>30m,<=1h,!1h,0s,1s,60,3600,1d,0,1,8,8.0,1.5,.5,5.,+5,-1,80,100m,0.1,1e3,1000,true,null,' +
  'x:latest,x:1,!*:latest & *:*,1.0.0,>=1.2.3,["a" "b"],[1 2],"a", ,é'
)
  .split(',')
  .map((text) => (text.startsWith('[') ? text.replace(' ', ',') : text));
const integers = [0, 1, 5, 8, 80, 1000, 3600, -1, 1_000_000, Number.MAX_SAFE_INTEGER];
const fractions = [0.5, 1.5, 0.1, 2.0001, 1_234_567.5, 0.0078125, 1e-7];

function scalar(chance: Chance): JsonValue {
  const which = chance.next();
  if (which < 0.65) return chance.of(texts);
  if (which < 0.73) return chance.of([true, false]);
  if (which < 0.82) return null;
  return which < 0.94 ? chance.of(integers) : chance.of(fractions);
}

const keys = ['a', 'b', 'c', 'd', 'e'];
const anchors = ['', '', '', '', '()', '=()', 'X()', '^()', '<()'];

/** No key stands under two anchors at once: which of them counts is then a matter of luck in Kyverno. */
function patternMap(chance: Chance, depth: number): JsonObject {
  const names = keys.filter(() => chance.next() < 0.35);
  return Object.fromEntries(
    (names.length === 0 ? ['a'] : names).map((name) => {
      const anchor = chance.of(anchors);
      const key = anchor === '' ? name : anchor.replace('()', `(${name})`);
      const isExistence = anchor === '^()' && chance.next() < 0.95;
      return [key, isExistence ? [patternMap(chance, depth - 1)] : anyPattern(chance, depth - 1)];
    }),
  );
}

function anyPattern(chance: Chance, depth: number): JsonValue {
  const which = chance.next();
  if (depth <= 0 || which < 0.3) return scalar(chance);
  if (which < 0.8) return patternMap(chance, depth);
  const item = chance.next();
  const length = chance.next() < 0.05 ? 0 : 1 + chance.below(2);
  return Array.from({ length }, () =>
    item < 0.6 ? patternMap(chance, depth - 1) : item < 0.85 ? scalar(chance) : [scalar(chance)],
  );
}

function randomPattern(chance: Chance): PatternQuestion {
  const pattern = patternMap(chance, 3);
  return { kind: 'pattern', pattern, resource: likeness(chance, pattern), floats: chance.next() < 0.2 };
}

/** An object that has much of what a pattern asks for. */
function likeness(chance: Chance, pattern: JsonValue): JsonValue {
  if (chance.next() < 0.08) return oddity(chance);
  if (Array.isArray(pattern)) {
    const length = chance.below(3) + (chance.next() < 0.8 ? 1 : 0);
    return Array.from({ length }, () => likeness(chance, (pattern as readonly JsonValue[])[0] ?? null));
  }
  if (typeof pattern === 'object' && pattern !== null) {
    const entries = Object.entries(pattern as JsonObject).filter(
      ([key]) => chance.next() > (key.startsWith('X') ? 0.8 : 0.15),
    );
    return Object.fromEntries(
      entries.map(([key, value]) => [/\((.*)\)$/.exec(key)?.[1] ?? key, likeness(chance, value)]),
    );
  }
  if (chance.next() < 0.4) return oddity(chance);
  if (typeof pattern !== 'string') return pattern;
  return pattern.includes('*') ? pattern.replace(/[!*?]/g, 'b') : pattern.replace(/^[!<>=]+ ?/, '');
}

function oddity(chance: Chance): JsonValue {
  const which = chance.next();
  if (which < 0.9) return scalar(chance);
  return which < 0.95 ? { a: scalar(chance) } : [scalar(chance), scalar(chance)];
}

function randomCondition(chance: Chance): OperatorQuestion {
  const operand = (): JsonValue => {
    const which = chance.next();
    if (which < 0.6) return scalar(chance);
    return which < 0.92 ? Array.from({ length: chance.below(4) }, () => scalar(chance)) : { a: scalar(chance) };
  };
  const key = operand();
  const value = chance.next() < 0.2 ? key : operand();
  const isFloat = (side: JsonValue): boolean => typeof side === 'number' && chance.next() < 0.5;
  const operator = chance.of(conditionOperatorNames());
  return { kind: 'operator', operator, key, value, keyFloat: isFloat(key), valueFloat: isFloat(value) };
}

const capabilities = ['ALL', 'NET_BIND_SERVICE', 'SYS_ADMIN', 'CHOWN', 'NET_RAW'];
const profiles = ['RuntimeDefault', 'Localhost', 'Unconfined', ''];
const safe = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };
const volumes = ['hostPath', 'configMap', 'emptyDir', 'nfs', 'secret', 'gitRepo', 'image', 'csi', 'flexVolume', ''];

/** A Pod that satisfies everything, with a few changes. */
function randomPod(chance: Chance): PodQuestion {
  const sometimes = (odds: number, fields: () => JsonObject): JsonObject => (chance.next() < odds ? fields() : {});
  const several = (choices: readonly string[]) => Array.from({ length: chance.below(3) }, () => chance.of(choices));
  const odds = chance.of([0.05, 0.1, 0.3]);
  const shared = (): JsonObject => ({
    ...sometimes(odds, () => ({ runAsNonRoot: chance.of([true, false, null]) })),
    ...sometimes(odds, () => ({ runAsUser: chance.of([0, 1000]) })),
    ...sometimes(odds, () => ({ seccompProfile: { type: chance.of(profiles) } })),
    ...sometimes(odds, () => ({ appArmorProfile: { type: chance.of(profiles) } })),
    ...sometimes(odds, () => ({ seLinuxOptions: { type: chance.of(['container_t', 'container_engine_t', 'spc_t']) } })),
    ...sometimes(odds, () => ({ seLinuxOptions: chance.of([{ user: 'u' }, { role: 'r' }, {}]) })),
    ...sometimes(odds, () => ({ windowsOptions: { hostProcess: chance.of([true, false]) } })),
  });
  const container = (name: string): JsonObject => ({
    name,
    image: chance.of(['nginx:1', 'ghcr.io/a/b:2', 'busybox', 'istio/proxy:3']),
    ...sometimes(odds, () => ({ ports: [{ hostPort: chance.of([0, 80]) }, { hostPort: chance.of([0, 8080]) }] })),
    ...sometimes(odds / 4, () => ({ livenessProbe: { httpGet: { port: 80, host: 'h' } } })),
    ...sometimes(odds / 4, () => ({ lifecycle: { preStop: { tcpSocket: { port: 1, host: 'h' } } } })),
    ...sometimes(1 - odds / 3, () => ({
      securityContext: {
        ...safe,
        ...shared(),
        ...sometimes(odds, () => ({ allowPrivilegeEscalation: chance.of([true, null]) })),
        ...sometimes(odds, () => ({ privileged: chance.of([true, false]) })),
        ...sometimes(odds, () => ({ procMount: chance.of(['Default', 'Unmasked']) })),
        ...sometimes(odds * 2, () => ({ capabilities: { add: several(capabilities), drop: several(capabilities) } })),
      },
    })),
  });
  const spec: JsonObject = {
    containers: Array.from({ length: 1 + chance.below(3) }, (_, index) => container(`c${index}`)),
    ...sometimes(0.3, () => ({ initContainers: [container('init')] })),
    ...sometimes(0.1, () => ({ ephemeralContainers: [container('debug')] })),
    ...sometimes(odds, () => ({ hostNetwork: true })),
    ...sometimes(odds, () => ({ hostPID: chance.of([true, false]) })),
    ...sometimes(odds, () => ({ os: { name: chance.of(['windows', 'linux']) } })),
    ...sometimes(odds * 2, () => {
      const kind = chance.of(volumes);
      const source = kind === 'hostPath' ? { path: chance.of(['/a', '']) } : {};
      return { volumes: [{ name: 'v', ...(kind !== '' && { [kind]: source }) }] };
    }),
    securityContext: {
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
      ...shared(),
      ...sometimes(odds, () => ({ sysctls: [{ name: chance.of(sysctls), value: '1' }] })),
    },
  };
  // One annotation at most: Kyverno lists several in any order.
  const annotations = sometimes(odds, () => ({
    [chance.of(annotationKeys)]: chance.of(['unconfined', 'localhost/x']),
  }));
  return {
    kind: 'pod',
    resource: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', annotations }, spec },
    level: chance.of(['baseline', 'restricted', 'restricted', 'privileged']),
    version: chance.of(['', 'latest', 'v1.19', 'v1.22', 'v1.24', 'v1.25', 'v1.27', 'v1.29', 'v1.31', 'v1.32']),
    exclude: chance.next() < 0.4 ? [] : Array.from({ length: 1 + chance.below(3) }, () => randomExclude(chance)),
  };
}

const sysctls = ['kernel.shm_rmid_forced', 'net.ipv4.ip_local_reserved_ports', 'net.ipv4.tcp_rmem', 'kernel.sem'];
const annotationKeys = [
  'container.apparmor.security.beta.kubernetes.io/c0',
  'seccomp.security.alpha.kubernetes.io/pod',
  'container.seccomp.security.alpha.kubernetes.io/c0',
];
const excludedFields = [
  'spec.containers[*].securityContext.capabilities.add',
  'spec.containers[*].securityContext.capabilities.drop',
  'spec.containers[*].securityContext.allowPrivilegeEscalation',
  'spec.containers[*].ports[*].hostPort',
  'spec.securityContext.runAsNonRoot',
  'spec.securityContext.seccompProfile.type',
  'spec.hostNetwork',
  'spec.volumes[*].hostPath',
];
const excludedValues = ['SYS_*', '*', 'false', 'true', '80', 'nil', 'Unconfined', 'NET_RAW', '/a'];

export function randomExclude(chance: Chance): Exclude {
  return {
    controlName: chance.of([...CONTROL_NAMES.keys()]),
    ...(chance.next() < 0.6 && { images: [chance.of(['nginx*', '*', 'ghcr.io/*', 'istio/*'])] }),
    ...(chance.next() < 0.3 && { restrictedField: chance.of(excludedFields), values: [chance.of(excludedValues)] }),
  };
}
