import type { PolicyRequest } from '../../kube/request.ts';
import type { Verdict } from './evaluation.ts';
import type { CelException } from './exception.ts';
import { findTemplates, requestForTemplate } from './templates.ts';

/**
 * What a policy for Pods says of a custom resource: every template in it is judged as the Pod that it stands for, and the
 * first that is not let through decides. One that has no template was meant to have one.
 */
export function judgeTemplates(request: PolicyRequest, judge: (pod: PolicyRequest) => Verdict): Verdict {
  const { kind } = request;
  const source = request.object ?? request.oldObject;
  const others = request.object === null ? null : request.oldObject;
  const found = source === null ? [] : findTemplates(source);
  if (found.length === 0) {
    const apiVersion = kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;
    return { kind: 'error', message: `error: extraction mode: no pod template found in ${apiVersion}/${kind.kind}` };
  }
  const otherByPath = new Map((others === null ? [] : findTemplates(others)).map((each) => [each.path, each]));
  const exceptedBy: CelException[] = [];
  let passed = false;
  for (const template of found) {
    const other = otherByPath.get(template.path);
    const pod =
      request.object === null
        ? requestForTemplate(request, other, template)
        : requestForTemplate(request, template, other);
    const verdict = judge(pod);
    switch (verdict.kind) {
      case 'fail':
      case 'error':
        return { ...verdict, message: `${verdict.message} (pod template at ${template.path})` };
      case 'excepted':
        exceptedBy.push(...verdict.by);
        break;
      case 'pass':
        passed = true;
        break;
      case 'unmatched':
        break;
      default:
        return verdict satisfies never;
    }
  }
  if (passed) return { kind: 'pass' };
  return exceptedBy.length > 0 ? { kind: 'excepted', by: exceptedBy } : { kind: 'unmatched' };
}
