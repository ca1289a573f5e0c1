import type { ControlCheck } from './check.ts';
import type { PodPart } from './pod.ts';
import { type FieldViolation, forbidden, required, sorted } from './violation.ts';

/** A check that finds fields and has one reason. */
function control(reason: string, find: (pod: Parameters<ControlCheck>[0]) => readonly FieldViolation[]): ControlCheck {
  return (pod) => {
    const fields = find(pod);
    return fields.length === 0 ? undefined : { reason, fields };
  };
}

/** A check that looks at each container alone. */
function eachContainer(reason: string, find: (container: PodPart) => readonly FieldViolation[]): ControlCheck {
  return control(reason, (pod) => pod.containers.flatMap(find));
}

export const allowsEscalation = eachContainer('allowPrivilegeEscalation != false', (container) => {
  const steps = ['securityContext', 'allowPrivilegeEscalation'];
  const context = container.part('securityContext');
  if (!context) return [required(container, steps)];
  const allowed = context.flag('allowPrivilegeEscalation');
  if (allowed === undefined) return [forbidden(container, steps, 'nil')];
  return allowed ? [forbidden(container, steps, true)] : [];
});

const DEFAULT_CAPABILITIES = new Set([
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
]);

const ADDED_CAPABILITIES = ['securityContext', 'capabilities', 'add'];
const DROPPED_CAPABILITIES = ['securityContext', 'capabilities', 'drop'];

export const badCapabilities = eachContainer('non-default capabilities', (container) => {
  const added = container.descend('securityContext', 'capabilities')?.texts('add') ?? [];
  const bad = sorted(added.filter((capability) => !DEFAULT_CAPABILITIES.has(capability)));
  return bad.length === 0 ? [] : [forbidden(container, ADDED_CAPABILITIES, bad)];
});

/** Everything is dropped, and nothing but NET_BIND_SERVICE is added. */
export const restrictedCapabilities: ControlCheck = (pod) => {
  const undropped: FieldViolation[] = [];
  const added: FieldViolation[] = [];
  for (const container of pod.containers) {
    const capabilities = container.descend('securityContext', 'capabilities');
    const dropped = capabilities?.texts('drop') ?? [];
    if (dropped.length === 0) undropped.push(required(container, DROPPED_CAPABILITIES));
    else if (!dropped.includes('ALL')) undropped.push(forbidden(container, DROPPED_CAPABILITIES, sorted(dropped)));
    const bad = sorted((capabilities?.texts('add') ?? []).filter((capability) => capability !== 'NET_BIND_SERVICE'));
    if (bad.length > 0) added.push(forbidden(container, ADDED_CAPABILITIES, bad));
  }
  const fields = [...undropped, ...added];
  return fields.length === 0 ? undefined : { reason: 'unrestricted capabilities', fields };
};

export const hostNamespaces = control('host namespaces', ({ spec }) =>
  ['hostNetwork', 'hostPID', 'hostIPC'].flatMap((key) => (spec.flag(key) ? [forbidden(spec, [key], true)] : [])),
);

export const hostPaths = control('hostPath volumes', ({ spec }) =>
  spec.parts('volumes').flatMap((volume) => {
    const hostPath = volume.part('hostPath');
    return hostPath ? [forbidden(volume, ['hostPath'], hostPath.text('path'))] : [];
  }),
);

export const hostPorts = eachContainer('hostPort', (container) =>
  container.parts('ports').flatMap((port) => {
    const hostPort = port.integer('hostPort') ?? 0;
    return hostPort === 0 || hostPort === 0n ? [] : [forbidden(port, ['hostPort'], hostPort)];
  }),
);

/** Kyverno names no fields for this control. */
export const hostProbes: ControlCheck = (pod) =>
  pod.containers.some((container) => handlersOf(container).some(namesHost))
    ? { reason: 'probe or lifecycle host', fields: undefined }
    : undefined;

function handlersOf(container: PodPart): readonly (PodPart | undefined)[] {
  const lifecycle = container.part('lifecycle');
  return [
    ...['livenessProbe', 'readinessProbe', 'startupProbe'].map((key) => container.part(key)),
    ...['postStart', 'preStop'].map((key) => lifecycle?.part(key)),
  ];
}

function namesHost(handler: PodPart | undefined): boolean {
  return ['httpGet', 'tcpSocket'].some((key) => (handler?.part(key)?.text('host') ?? '') !== '');
}

export const privileged = eachContainer('privileged', (container) =>
  container.part('securityContext')?.flag('privileged')
    ? [forbidden(container, ['securityContext', 'privileged'], true)]
    : [],
);

export const procMounts = eachContainer('procMount', (container) => {
  const context = container.part('securityContext');
  if (!context?.has('procMount')) return [];
  const type = context.text('procMount');
  return type === 'Default' ? [] : [forbidden(container, ['securityContext', 'procMount'], type)];
});

const ALLOWED_VOLUMES = [
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
];

/** In the order in which they are looked for. */
const RESTRICTED_VOLUMES = [
  'hostPath',
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'gitRepo',
  'nfs',
  'iscsi',
  'glusterfs',
  'rbd',
  'flexVolume',
  'cinder',
  'cephfs',
  'flocker',
  'fc',
  'azureFile',
  'vsphereVolume',
  'quobyte',
  'azureDisk',
  'photonPersistentDisk',
  'portworxVolume',
  'scaleIO',
  'storageos',
];

export const restrictedVolumes = control('restricted volume types', ({ spec }) =>
  spec.parts('volumes').flatMap((volume) => {
    if (ALLOWED_VOLUMES.some((type) => volume.part(type))) return [];
    return [forbidden(volume, [RESTRICTED_VOLUMES.find((type) => volume.part(type)) ?? 'unknown'])];
  }),
);

/** Nobody says `false`, and where the Pod does not say `true` every container does. */
export const rootGroups: ControlCheck = (pod) => {
  const steps = ['securityContext', 'runAsNonRoot'];
  const podFlag = pod.spec.part('securityContext')?.flag('runAsNonRoot');
  const explicit: FieldViolation[] = podFlag === false ? [forbidden(pod.spec, steps, false)] : [];
  const implicit: FieldViolation[] = [];
  for (const container of pod.containers) {
    const flag = container.part('securityContext')?.flag('runAsNonRoot');
    if (flag === false) explicit.push(forbidden(container, steps, false));
    else if (flag === undefined && podFlag !== true) implicit.push(required(container, steps));
  }
  const fields = [...explicit, ...implicit];
  return fields.length === 0 ? undefined : { reason: 'runAsNonRoot != true', fields };
};

export const rootUsers = control('runAsUser=0', (pod) =>
  [pod.spec, ...pod.containers].flatMap((part) => {
    const user = part.part('securityContext')?.integer('runAsUser');
    return user === 0 || user === 0n ? [forbidden(part, ['securityContext', 'runAsUser'], 0)] : [];
  }),
);

export function sysctls(safe: readonly string[]): ControlCheck {
  return control('forbidden sysctls', ({ spec }) =>
    (spec.part('securityContext')?.parts('sysctls') ?? []).flatMap((sysctl) => {
      const name = sysctl.text('name');
      return safe.includes(name) ? [] : [forbidden(sysctl, ['name'], name)];
    }),
  );
}

export const hostProcesses = control('hostProcess', (pod) =>
  [pod.spec, ...pod.containers].flatMap((part) =>
    part.descend('securityContext', 'windowsOptions')?.flag('hostProcess')
      ? [forbidden(part, ['securityContext', 'windowsOptions', 'hostProcess'], true)]
      : [],
  ),
);
