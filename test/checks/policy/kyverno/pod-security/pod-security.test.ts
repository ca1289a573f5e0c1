import { describe, expect, it } from 'vitest';
import { CONTROL_NAMES, CONTROLS, parseMinor } from '../../../../../src/checks/policy/kyverno/pod-security/controls.ts';
import type { Exclude } from '../../../../../src/checks/policy/kyverno/pod-security/exclude.ts';
import {
  compilePodSecurity,
  type PodSecurityResult,
} from '../../../../../src/checks/policy/kyverno/pod-security/pod-security.ts';
import type { JsonObject, JsonValue } from '../../../../../src/core/json.ts';

/** What a container of a Pod that satisfies everything says. */
const safeContext = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };
const safePodContext = { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } };

function container(fields: JsonObject = {}, context: JsonObject = {}): JsonObject {
  return { name: 'app', image: 'registry.example/app:1', ...fields, securityContext: { ...safeContext, ...context } };
}

function pod(spec: JsonObject = {}, annotations: JsonObject = {}): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'app', annotations },
    spec: { securityContext: safePodContext, containers: [container()], ...spec },
  };
}

interface Asked {
  readonly level?: string;
  readonly version?: string;
  readonly exclude?: readonly Exclude[];
  readonly exceptions?: readonly Exclude[];
}

function judge(resource: JsonObject, { level = 'restricted', version = 'latest', exclude, exceptions }: Asked = {}) {
  const compiled = compilePodSecurity({ level, version, exclude });
  return compiled?.judge('rule', resource, exceptions) as PodSecurityResult;
}

/** The fields that a message lists. */
function listed(result: PodSecurityResult): string {
  return result.kind === 'fail' ? result.message.replace(/^.*?": /, '') : result.kind;
}

it('passes a Pod that satisfies every control', () => {
  expect(judge(pod())).toEqual({ kind: 'pass', message: "Validation rule 'rule' passed." });
  expect(judge(pod(), { level: 'baseline' }).kind).toBe('pass');
});

describe('controls of the level baseline', () => {
  it.each<[string, JsonObject, string]>([
    [
      'hostNetwork',
      pod({ hostNetwork: true }),
      'host namespaces, field error list: [spec.hostNetwork is forbidden, forbidden values found: true]',
    ],
    [
      'hostPID and hostIPC',
      pod({ hostPID: true, hostIPC: true }),
      'host namespaces, field error list: [spec.hostPID is forbidden, forbidden values found: true, spec.hostIPC is forbidden, forbidden values found: true]',
    ],
    [
      'privileged',
      pod({ containers: [container({}, { privileged: true })] }),
      'privileged, field error list: [spec.containers[0].securityContext.privileged is forbidden, forbidden values found: true]',
    ],
    [
      'capabilities',
      pod({ containers: [container({}, { capabilities: { add: ['SYS_TIME', 'CHOWN', 'BPF'] } })] }),
      'non-default capabilities, field error list: [spec.containers[0].securityContext.capabilities.add is forbidden, forbidden values found: [BPF SYS_TIME]]',
    ],
    [
      'hostPath',
      pod({ volumes: [{ name: 'v', hostPath: { path: '/etc' } }] }),
      'hostPath volumes, field error list: [spec.volumes[0].hostPath is forbidden, forbidden values found: /etc]',
    ],
    [
      'hostPort',
      pod({ containers: [container({ ports: [{ containerPort: 80 }, { containerPort: 81, hostPort: 81 }] })] }),
      'hostPort, field error list: [spec.containers[0].ports[1].hostPort is forbidden, forbidden values found: 81]',
    ],
    [
      'AppArmor',
      pod({ securityContext: { ...safePodContext, appArmorProfile: { type: 'Unconfined' } } }),
      'forbidden AppArmor profile, field error list: [spec.securityContext.appArmorProfile.type is forbidden, forbidden values found: Unconfined]',
    ],
    [
      'SELinux',
      pod({ securityContext: { ...safePodContext, seLinuxOptions: { type: 'spc_t', user: 'u' } } }),
      'seLinuxOptions, field error list: [spec.securityContext.seLinuxOptions.type is forbidden, forbidden values found: spc_t, spec.securityContext.seLinuxOptions.user is forbidden, forbidden values found: u]',
    ],
    [
      'procMount',
      pod({ containers: [container({}, { procMount: 'Unmasked' })] }),
      'procMount, field error list: [spec.containers[0].securityContext.procMount is forbidden, forbidden values found: Unmasked]',
    ],
    [
      'seccomp',
      pod({ initContainers: [container({}, { seccompProfile: { type: 'Unconfined' } })] }),
      'seccompProfile, field error list: [spec.initContainers[0].securityContext.seccompProfile.type is forbidden, forbidden values found: Unconfined]',
    ],
    [
      'sysctls',
      pod({ securityContext: { ...safePodContext, sysctls: [{ name: 'kernel.sem', value: '1' }] } }),
      'forbidden sysctls, field error list: [spec.securityContext.sysctls[0].name is forbidden, forbidden values found: kernel.sem]',
    ],
    [
      'HostProcess',
      pod({ securityContext: { ...safePodContext, windowsOptions: { hostProcess: true } } }),
      'hostProcess, field error list: [spec.securityContext.windowsOptions.hostProcess is forbidden, forbidden values found: true]',
    ],
    [
      'hosts of probes',
      pod({ containers: [container({ livenessProbe: { httpGet: { port: 80, host: 'other' } } })] }),
      'probe or lifecycle host, field error list: []',
    ],
    [
      'containers for debugging',
      pod({ ephemeralContainers: [container({ name: 'debug' }, { privileged: true })] }),
      'privileged, field error list: [spec.ephemeralContainers[0].securityContext.privileged is forbidden, forbidden values found: true]',
    ],
  ])('%s', (_, resource, expected) => {
    expect(listed(judge(resource, { level: 'baseline' }))).toBe(`(Forbidden reason: ${expected})`);
  });

  it('reads annotations for AppArmor', () => {
    const resource = pod({}, { 'container.apparmor.security.beta.kubernetes.io/app': 'unconfined' });
    const field = 'spec.template.metadata.annotations[container.apparmor.security.beta.kubernetes.io/app]';
    expect(listed(judge(resource))).toBe(
      `(Forbidden reason: forbidden AppArmor profile, field error list: [${field} is forbidden, forbidden values found: unconfined])`,
    );
    expect(judge(pod({}, { 'container.apparmor.security.beta.kubernetes.io/app': 'localhost/x' })).kind).toBe('pass');
  });
});

describe('controls of the level restricted', () => {
  it.each<[string, JsonObject, string]>([
    [
      'privilege escalation unsaid',
      pod({ containers: [{ name: 'app' }] }),
      'allowPrivilegeEscalation != false, field error list: [spec.containers[0].securityContext.allowPrivilegeEscalation: Required value',
    ],
    [
      'privilege escalation undecided',
      pod({ containers: [container({}, { allowPrivilegeEscalation: null })] }),
      'forbidden values found: nil',
    ],
    [
      'privilege escalation',
      pod({ containers: [container({}, { allowPrivilegeEscalation: true })] }),
      'spec.containers[0].securityContext.allowPrivilegeEscalation is forbidden, forbidden values found: true',
    ],
    [
      'capabilities kept',
      pod({ containers: [container({}, { capabilities: null })] }),
      'spec.containers[0].securityContext.capabilities.drop: Required value',
    ],
    [
      'capabilities dropped in part',
      pod({ containers: [container({}, { capabilities: { drop: ['KILL'] } })] }),
      'spec.containers[0].securityContext.capabilities.drop is forbidden, forbidden values found: [KILL]',
    ],
    [
      'capabilities added',
      pod({ containers: [container({}, { capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE', 'CHOWN'] } })] }),
      'capabilities.add is forbidden, forbidden values found: [CHOWN]',
    ],
    [
      'volumes',
      pod({ volumes: [{ name: 'v', nfs: {} }] }),
      'restricted volume types, field error list: [spec.volumes[0].nfs: Forbidden]',
    ],
    ['volumes of no known kind', pod({ volumes: [{ name: 'v' }] }), 'spec.volumes[0].unknown: Forbidden'],
    [
      'root allowed',
      pod({ securityContext: { ...safePodContext, runAsNonRoot: false } }),
      '[spec.securityContext.runAsNonRoot is forbidden, forbidden values found: false, spec.containers[0].securityContext.runAsNonRoot: Required value]',
    ],
    [
      'root asked for',
      pod({ securityContext: { ...safePodContext, runAsUser: 0 } }),
      'runAsUser=0, field error list: [spec.securityContext.runAsUser is forbidden, forbidden values found: 0]',
    ],
    [
      'no seccomp profile',
      pod({ securityContext: { runAsNonRoot: true } }),
      'seccompProfile, field error list: [spec.containers[0].securityContext.seccompProfile.type: Required value]',
    ],
  ])('%s', (_, resource, expected) => expect(listed(judge(resource))).toContain(expected));

  it('takes what the containers say where the Pod says nothing', () => {
    const own = { runAsNonRoot: true, seccompProfile: { type: 'Localhost', localhostProfile: 'a' } };
    expect(judge(pod({ securityContext: null, containers: [container({}, own)] })).kind).toBe('pass');
  });

  it.each([
    'configMap',
    'csi',
    'downwardAPI',
    'emptyDir',
    'ephemeral',
    'image',
    'persistentVolumeClaim',
    'projected',
    'secret',
  ])('takes volumes of %s', (kind) => expect(judge(pod({ volumes: [{ name: 'v', [kind]: {} }] })).kind).toBe('pass'));
});

describe('versions', () => {
  const windows = pod({
    os: { name: 'windows' },
    securityContext: { runAsNonRoot: true },
    containers: [{ name: 'app' }],
  });
  const sysctl = (name: string) => pod({ securityContext: { ...safePodContext, sysctls: [{ name, value: '1' }] } });
  it.each<[string, JsonObject, string, boolean]>([
    ['Windows', windows, 'v1.24', false],
    ['Windows', windows, 'v1.25', true],
    ['Windows', windows, 'latest', true],
    ['reserved ports', sysctl('net.ipv4.ip_local_reserved_ports'), 'v1.26', false],
    ['reserved ports', sysctl('net.ipv4.ip_local_reserved_ports'), 'v1.27', true],
    ['keepalive', sysctl('net.ipv4.tcp_keepalive_time'), 'v1.28', false],
    ['keepalive', sysctl('net.ipv4.tcp_keepalive_time'), 'v1.29', true],
    ['buffers', sysctl('net.ipv4.tcp_rmem'), 'v1.31', false],
    ['buffers', sysctl('net.ipv4.tcp_rmem'), 'v1.32', true],
    [
      'SELinux for engines',
      pod({ securityContext: { ...safePodContext, seLinuxOptions: { type: 'container_engine_t' } } }),
      'v1.30',
      false,
    ],
    [
      'SELinux for engines',
      pod({ securityContext: { ...safePodContext, seLinuxOptions: { type: 'container_engine_t' } } }),
      'v1.31',
      true,
    ],
    [
      'a control that is newer than the version',
      pod({ containers: [container({}, { capabilities: null })] }),
      'v1.19',
      false,
    ],
  ])('%s with %s', (_, resource, version, passes) => {
    expect(judge(resource, { version }).kind).toBe(passes ? 'pass' : 'fail');
  });

  it('reads annotations for seccomp before 1.19', () => {
    const resource = pod({}, { 'seccomp.security.alpha.kubernetes.io/pod': 'unconfined' });
    expect(judge(resource, { level: 'baseline', version: 'v1.18' }).kind).toBe('fail');
    expect(judge(resource, { level: 'baseline', version: 'v1.19' }).kind).toBe('pass');
  });

  it.each([
    ['', Number.POSITIVE_INFINITY],
    ['latest', Number.POSITIVE_INFINITY],
    ['v1.0', 0],
    ['v1.29', 29],
    ['1.29', undefined],
    ['v1.029', undefined],
    ['v2.0', undefined],
    ['v1.29.1', undefined],
    ['newest', undefined],
  ])('reads %j', (text, minor) => expect(parseMinor(text)).toBe(minor));

  it('compiles nothing for a version that does not exist', () => {
    expect(compilePodSecurity({ level: 'baseline', version: 'v2.0' })).toBeUndefined();
  });

  it('has every control that can be excluded, and each in the order of its versions', () => {
    const ids = CONTROLS.map(({ id }) => id);
    expect([...CONTROL_NAMES.values()].flat().sort()).toEqual(
      ids.filter((id) => id !== 'hostProbesAndHostLifecycle').sort(),
    );
    for (const { versions } of CONTROLS) {
      expect(versions.map(([minor]) => minor)).toEqual(versions.map(([minor]) => minor).sort((a, b) => a - b));
    }
  });
});

describe('workloads', () => {
  const spec = { securityContext: safePodContext, containers: [container({}, { privileged: true })] };
  it.each(['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'Job', 'ReplicationController'])(
    'judges the template of a %s',
    (kind) => {
      const result = judge({ kind, spec: { template: { spec } } }, { level: 'baseline' });
      expect(result).toMatchObject({
        kind: 'fail',
        path: ['spec', 'template', 'spec', 'containers', 0, 'securityContext', 'privileged'],
      });
      expect(listed(result)).toContain('spec.template.spec.containers[0].securityContext.privileged is forbidden');
    },
  );

  it('judges the template of a CronJob', () => {
    const result = judge(
      { kind: 'CronJob', spec: { jobTemplate: { spec: { template: { spec } } } } },
      { level: 'baseline' },
    );
    expect(listed(result)).toContain(
      'spec.jobTemplate.spec.template.spec.containers[0].securityContext.privileged is forbidden',
    );
    expect(result).toMatchObject({
      path: ['spec', 'jobTemplate', 'spec', 'template', 'spec', 'containers', 0, 'securityContext', 'privileged'],
    });
  });

  it.each(['jobTemplate', 'template'])('reads the annotations of a CronJob off its %s', (holder) => {
    const metadata = { annotations: { 'container.apparmor.security.beta.kubernetes.io/app': 'unconfined' } };
    const template = { spec: { securityContext: safePodContext, containers: [container()] } };
    const jobTemplate =
      holder === 'jobTemplate' ? { metadata, spec: { template } } : { spec: { template: { ...template, metadata } } };
    expect(judge({ kind: 'CronJob', spec: { jobTemplate } }, { level: 'baseline' }).kind).toBe('fail');
  });

  it('cannot judge what has no Pod', () => {
    expect(judge({ kind: 'Service', spec: {} })).toEqual({
      kind: 'error',
      message: 'Error while getting new resource: could not find correct resource type',
    });
  });
});

describe('excludes', () => {
  const proxy = container(
    { name: 'proxy', image: 'mesh/proxy:1' },
    { capabilities: { drop: ['ALL'], add: ['NET_ADMIN'] } },
  );
  const capabilities: Exclude = { controlName: 'Capabilities', images: ['mesh/*'] };
  it.each<[string, JsonObject, readonly Exclude[], boolean]>([
    ['the containers of an image', pod({ containers: [container(), proxy] }), [capabilities], true],
    ['another image', pod({ containers: [container(), proxy] }), [{ ...capabilities, images: ['other/*'] }], false],
    [
      'another control',
      pod({ containers: [container(), proxy] }),
      [{ controlName: 'Privileged Containers', images: ['*'] }],
      false,
    ],
    [
      'a value',
      pod({ containers: [proxy] }),
      [
        {
          ...capabilities,
          restrictedField: 'spec.containers[*].securityContext.capabilities.add',
          values: ['NET_ADMIN'],
        },
      ],
      true,
    ],
    [
      'another value',
      pod({ containers: [proxy] }),
      [
        {
          ...capabilities,
          restrictedField: 'spec.containers[*].securityContext.capabilities.add',
          values: ['NET_RAW'],
        },
      ],
      false,
    ],
    [
      'a field of another list',
      pod({ containers: [proxy] }),
      [
        {
          ...capabilities,
          restrictedField: 'spec.initContainers[*].securityContext.capabilities.add',
          values: ['NET_ADMIN'],
        },
      ],
      false,
    ],
    ['a field of the Pod', pod({ hostNetwork: true }), [{ controlName: 'Host Namespaces' }], true],
    [
      'one field of two of the Pod',
      pod({ hostNetwork: true, hostPID: true }),
      [{ controlName: 'Host Namespaces', restrictedField: 'spec.hostPID', values: ['true'] }],
      false,
    ],
    [
      'a control that names no field',
      pod({ containers: [container({ livenessProbe: { httpGet: { port: 1, host: 'h' } } })] }),
      [...CONTROL_NAMES.keys()].map((controlName) => ({ controlName, images: ['*'] })),
      false,
    ],
    [
      'the Pod, which speaks for one container alone',
      pod({
        securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
        containers: [container(), container({ name: 'b' })],
      }),
      [{ controlName: 'Running as Non-root' }],
      false,
    ],
  ])('%s', (_, resource, exclude, passes) => {
    expect(judge(resource, { exclude }).kind).toBe(passes ? 'pass' : 'fail');
    // What an exception leaves out is not passed, and said to be excepted.
    expect(judge(resource, { exceptions: exclude }).kind).toBe(passes ? 'excepted' : 'fail');
  });

  it('does not let a container pass by the name of another', () => {
    const bad = container(
      { name: 'bad', image: 'evil/proxy:1' },
      { capabilities: { drop: ['ALL'], add: ['NET_ADMIN'] } },
    );
    expect(listed(judge(pod({ containers: [bad, proxy] }), { exclude: [capabilities] }))).toContain(
      'spec.containers[0]',
    );
  });
});

describe('hostile objects', () => {
  it.each<[string, JsonValue]>([
    ['containers', 'x'],
    ['containers', { 0: {} }],
    ['containers', ['x']],
    ['hostNetwork', 'true'],
    ['securityContext', []],
    ['securityContext', { runAsNonRoot: 'true' }],
    ['securityContext', { runAsUser: '0' }],
    ['securityContext', { seccompProfile: { type: 1 } }],
    ['volumes', [{ name: 'v', emptyDir: 'x' }]],
    ['containers', [{ name: true }]],
    ['containers', [{ name: 'a', image: 1 }]],
  ])('errs where %s is %j', (key, value) => expect(judge(pod({ [key]: value })).kind).toBe('error'));

  it.each<[string, JsonObject]>([
    ['a quantity', pod({ containers: [container({ resources: { limits: { memory: '512MI' } } })] })],
    ['an argument', pod({ containers: [container({ args: [1] })] })],
    ['a number that is too large', pod({ terminationGracePeriodSeconds: 2n ** 64n })],
    ['a port', pod({ containers: [container({ ports: [{ containerPort: 80.5 }] })] })],
    ['a label', { kind: 'Deployment', spec: { template: { metadata: { labels: { a: true } }, spec: {} } } }],
    ['a time', { kind: 'CronJob', metadata: { creationTimestamp: 'today' }, spec: {} }],
  ])('errs where %s cannot be decoded, though no control looks there', (_, resource) => {
    expect(judge(resource).kind).toBe('error');
  });

  it('reads names of fields in any case, as Kyverno does', () => {
    expect(judge(pod({ HOSTNETWORK: true })).kind).toBe('fail');
    expect(judge(pod({ HOSTNETWORK: true, hostNetwork: false })).kind).toBe('pass');
    const result = judge(
      { kind: 'Deployment', Spec: { Template: { spec: { hoſtPID: true } } } },
      { level: 'baseline' },
    );
    expect(result).toMatchObject({ kind: 'fail', path: ['spec', 'template', 'spec', 'hostPID'] });
  });

  it('takes null in a list for an empty text', () => {
    const added = container({}, { capabilities: { drop: ['ALL'], add: [null] } });
    expect(listed(judge(pod({ containers: [added] }), { level: 'baseline' }))).toContain('forbidden values found: []');
  });

  it('does not mind fields that it does not know', () => {
    expect(judge(pod({ unknown: 1, containers: [container({ unknown: { a: [] } })] })).kind).toBe('pass');
  });

  it.each(['__proto__', 'constructor'])('reads nothing off %s', (key) => {
    const hostile = JSON.parse(`{"${key}": {"privileged": true}, "allowPrivilegeEscalation": false}`) as JsonObject;
    expect(judge(pod({ containers: [{ name: 'app', securityContext: hostile }] }), { level: 'baseline' }).kind).toBe(
      'pass',
    );
  });

  it('judges a Pod of many containers', () => {
    const containers = Array.from({ length: 2000 }, (_, index) =>
      container({ name: `c${index}` }, { privileged: true }),
    );
    expect(judge(pod({ containers })).kind).toBe('fail');
    const exclude = [{ controlName: 'Privileged Containers', images: ['*'] }];
    expect(judge(pod({ containers }), { exclude }).kind).toBe('pass');
  });
});
