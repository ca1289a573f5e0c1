import { byUtf8 } from '../../../../core/json.ts';
import type { ControlCheck } from './check.ts';
import type { Pod, PodPart } from './pod.ts';
import { type FieldViolation, forbidden, forbiddenAnnotation, required, sorted } from './violation.ts';

const APPARMOR_ANNOTATION = 'container.apparmor.security.beta.kubernetes.io/';
const SECCOMP_POD_ANNOTATION = 'seccomp.security.alpha.kubernetes.io/pod';
const SECCOMP_CONTAINER_ANNOTATION = 'container.seccomp.security.alpha.kubernetes.io/';

/** The Pod and each container that has a profile of a kind, with its type. */
function profilesOf(pod: Pod, key: string): readonly { readonly part: PodPart; readonly type: string }[] {
  return [pod.spec, ...pod.containers].flatMap((part) => {
    const profile = part.descend('securityContext', key);
    return profile ? [{ part, type: profile.text('type') }] : [];
  });
}

function isSafeProfile(type: string): boolean {
  return type === 'RuntimeDefault' || type === 'Localhost';
}

export const appArmorProfiles: ControlCheck = (pod) => {
  const bad = profilesOf(pod, 'appArmorProfile').filter(({ type }) => !isSafeProfile(type));
  const annotations = [...pod.annotations]
    .filter(([key, value]) => key.startsWith(APPARMOR_ANNOTATION) && !isSafeAppArmor(value))
    .sort(([a], [b]) => byUtf8(a, b));
  if (bad.length + annotations.length === 0) return undefined;
  const values = sorted(bad.map(({ type }) => type)).length + annotations.length;
  return {
    reason: values === 1 ? 'forbidden AppArmor profile' : 'forbidden AppArmor profiles',
    fields: [
      ...bad.map(({ part, type }) => forbidden(part, ['securityContext', 'appArmorProfile', 'type'], type)),
      ...annotations.map(([key, value]) => forbiddenAnnotation(key, value)),
    ],
  };
};

function isSafeAppArmor(value: string): boolean {
  return value === '' || value === 'runtime/default' || value.startsWith('localhost/');
}

/** The annotations that stood for seccomp profiles before there was a field. */
export const seccompAnnotations: ControlCheck = (pod) => {
  const names = sorted(pod.containers.map((container) => SECCOMP_CONTAINER_ANNOTATION + container.text('name')));
  const fields = [...names, SECCOMP_POD_ANNOTATION].flatMap((key) => {
    const value = pod.annotations.get(key);
    return value === undefined || isSafeSeccomp(value) ? [] : [forbiddenAnnotation(key, value)];
  });
  return fields.length === 0 ? undefined : { reason: 'seccompProfile', fields };
};

function isSafeSeccomp(value: string): boolean {
  return value === 'runtime/default' || value === 'docker/default' || value.startsWith('localhost/');
}

const SECCOMP_TYPE = ['securityContext', 'seccompProfile', 'type'];

export const seccompProfiles: ControlCheck = (pod) => {
  const fields = profilesOf(pod, 'seccompProfile')
    .filter(({ type }) => !isSafeProfile(type))
    .map(({ part, type }) => forbidden(part, SECCOMP_TYPE, type));
  return fields.length === 0 ? undefined : { reason: 'seccompProfile', fields };
};

/** A safe profile is set, by the Pod or by every container. Where one says something else, that alone is reported. */
export const requiredSeccompProfiles: ControlCheck = (pod) => {
  const unsafe = seccompProfiles(pod);
  if (unsafe || pod.spec.descend('securityContext', 'seccompProfile')) return unsafe;
  const fields: FieldViolation[] = pod.containers
    .filter((container) => !container.descend('securityContext', 'seccompProfile'))
    .map((container) => required(container, SECCOMP_TYPE));
  return fields.length === 0 ? undefined : { reason: 'seccompProfile', fields };
};

export function seLinuxOptions(types: readonly string[]): ControlCheck {
  return (pod) => {
    const fields = [pod.spec, ...pod.containers].flatMap((part) => {
      const options = part.descend('securityContext', 'seLinuxOptions');
      if (!options) return [];
      const [type, user, role] = ['type', 'user', 'role'].map((key) => options.text(key)) as [string, string, string];
      const at = (key: string, value: string) => forbidden(part, ['securityContext', 'seLinuxOptions', key], value);
      return [
        ...(types.includes(type) ? [] : [at('type', type)]),
        ...(user === '' ? [] : [at('user', user)]),
        ...(role === '' ? [] : [at('role', role)]),
      ];
    });
    return fields.length === 0 ? undefined : { reason: 'seLinuxOptions', fields };
  };
}
