import type { ControlCheck } from './check.ts';
import {
  allowsEscalation,
  badCapabilities,
  hostNamespaces,
  hostPaths,
  hostPorts,
  hostProbes,
  hostProcesses,
  privileged,
  procMounts,
  restrictedCapabilities,
  restrictedVolumes,
  rootGroups,
  rootUsers,
  sysctls,
} from './container-controls.ts';
import type { Pod } from './pod.ts';
import {
  appArmorProfiles,
  requiredSeccompProfiles,
  seccompAnnotations,
  seccompProfiles,
  seLinuxOptions,
} from './profile-controls.ts';
import type { ControlViolation } from './violation.ts';

export interface Control {
  readonly id: string;
  readonly level: 'baseline' | 'restricted';
  /** The check from a minor version of Kubernetes 1 on, oldest first. */
  readonly versions: readonly (readonly [minor: number, check: ControlCheck])[];
}

/** Since 1.25 a Pod for Windows need not set what only Linux knows. */
function exceptOnWindows(check: ControlCheck): ControlCheck {
  return (pod) => (pod.spec.part('os')?.text('name') === 'windows' ? undefined : check(pod));
}

const SAFE_SYSCTLS = [
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_unprivileged_port_start',
];
const SAFE_SYSCTLS_1_27 = [...SAFE_SYSCTLS, 'net.ipv4.ip_local_reserved_ports'];
const SAFE_SYSCTLS_1_29 = [
  ...SAFE_SYSCTLS_1_27,
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
];
const SAFE_SYSCTLS_1_32 = [...SAFE_SYSCTLS_1_29, 'net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem'];

const SELINUX_TYPES = ['', 'container_t', 'container_init_t', 'container_kvm_t'];
const SELINUX_TYPES_1_31 = [...SELINUX_TYPES, 'container_engine_t'];

/**
 * The controls of the Pod Security Standards by version, in the order in which Kyverno reports them. The source is the
 * policy of Kubernetes' Pod Security admission as Kyverno 1.19 builds it in.
 */
export const CONTROLS: readonly Control[] = [
  {
    id: 'allowPrivilegeEscalation',
    level: 'restricted',
    versions: [
      [8, allowsEscalation],
      [25, exceptOnWindows(allowsEscalation)],
    ],
  },
  { id: 'appArmorProfile', level: 'baseline', versions: [[0, appArmorProfiles]] },
  { id: 'capabilities_baseline', level: 'baseline', versions: [[0, badCapabilities]] },
  {
    id: 'capabilities_restricted',
    level: 'restricted',
    versions: [
      [22, restrictedCapabilities],
      [25, exceptOnWindows(restrictedCapabilities)],
    ],
  },
  { id: 'hostNamespaces', level: 'baseline', versions: [[0, hostNamespaces]] },
  { id: 'hostPathVolumes', level: 'baseline', versions: [[0, hostPaths]] },
  { id: 'hostPorts', level: 'baseline', versions: [[0, hostPorts]] },
  { id: 'hostProbesAndHostLifecycle', level: 'baseline', versions: [[34, hostProbes]] },
  { id: 'privileged', level: 'baseline', versions: [[0, privileged]] },
  { id: 'procMount', level: 'baseline', versions: [[0, procMounts]] },
  { id: 'restrictedVolumes', level: 'restricted', versions: [[0, restrictedVolumes]] },
  { id: 'runAsNonRoot', level: 'restricted', versions: [[0, rootGroups]] },
  { id: 'runAsUser', level: 'restricted', versions: [[23, rootUsers]] },
  {
    id: 'seLinuxOptions',
    level: 'baseline',
    versions: [
      [0, seLinuxOptions(SELINUX_TYPES)],
      [31, seLinuxOptions(SELINUX_TYPES_1_31)],
    ],
  },
  {
    id: 'seccompProfile_baseline',
    level: 'baseline',
    versions: [
      [0, seccompAnnotations],
      [19, seccompProfiles],
    ],
  },
  {
    id: 'seccompProfile_restricted',
    level: 'restricted',
    versions: [
      [19, requiredSeccompProfiles],
      [25, exceptOnWindows(requiredSeccompProfiles)],
    ],
  },
  {
    id: 'sysctls',
    level: 'baseline',
    versions: [
      [0, sysctls(SAFE_SYSCTLS)],
      [27, sysctls(SAFE_SYSCTLS_1_27)],
      [29, sysctls(SAFE_SYSCTLS_1_29)],
      [32, sysctls(SAFE_SYSCTLS_1_32)],
    ],
  },
  { id: 'windowsHostProcess', level: 'baseline', versions: [[0, hostProcesses]] },
];

/** The names under which policies exclude controls. */
export const CONTROL_NAMES: ReadonlyMap<string, readonly string[]> = new Map([
  ['Capabilities', ['capabilities_baseline', 'capabilities_restricted']],
  ['Seccomp', ['seccompProfile_baseline', 'seccompProfile_restricted']],
  ['Privileged Containers', ['privileged']],
  ['Host Ports', ['hostPorts']],
  ['/proc Mount Type', ['procMount']],
  ['HostProcess', ['windowsHostProcess']],
  ['SELinux', ['seLinuxOptions']],
  ['Host Namespaces', ['hostNamespaces']],
  ['HostPath Volumes', ['hostPathVolumes']],
  ['Sysctls', ['sysctls']],
  ['AppArmor', ['appArmorProfile']],
  ['Privilege Escalation', ['allowPrivilegeEscalation']],
  ['Running as Non-root', ['runAsNonRoot']],
  ['Running as Non-root user', ['runAsUser']],
  ['Volume Types', ['restrictedVolumes']],
]);

/** The minor version of Kubernetes 1 that a policy names (`v1.29`); infinite for the latest. Undefined for other texts. */
export function parseMinor(version: string): number | undefined {
  if (version === '' || version === 'latest') return Number.POSITIVE_INFINITY;
  const minor = /^v1\.(0|[1-9][0-9]{0,8})$/.exec(version)?.[1];
  return minor === undefined ? undefined : Number(minor);
}

/**
 * What a Pod breaks. The newest check up to the version counts; where every check of a control is newer the oldest one
 * does, so that a control never falls away. A level that is not `baseline` asks for everything.
 */
export function findViolations(pod: Pod, level: string, minor: number): readonly ControlViolation[] {
  const violations: ControlViolation[] = [];
  for (const control of CONTROLS) {
    if (level === 'baseline' && control.level !== 'baseline') continue;
    const violation = checkOf(control, minor)(pod);
    if (violation) violations.push({ id: control.id, ...violation });
  }
  return violations;
}

function checkOf({ versions }: Control, minor: number): ControlCheck {
  const [oldest] = versions;
  const current = versions.findLast(([since]) => since <= minor) ?? oldest;
  if (!current) throw new TypeError('a control has no check');
  return current[1];
}
