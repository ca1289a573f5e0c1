import { convertObject } from '../kube/conversion.ts';
import type { GroupVersionKind, PolicyRequest } from '../kube/request.ts';
import { apiVersionOf, type ResourceTable, type ResourceType } from '../kube/resources.ts';
import type { RuleResult } from '../rule.ts';
import { type RequestView, viewOf } from './request-view.ts';
import type { CompiledRule } from './rule.ts';

type Form = Pick<ResourceType, 'kind' | 'resource'>;

/**
 * A rule that names another version of a kind, as it judges objects of that kind; undefined where it names none. Kyverno
 * registers its webhooks with `matchPolicy: Equivalent`, so the API server converts an object of another version, and the
 * rule judges what comes of it. Where the conversion is not known here, the rule errs about every object it matches.
 */
export function inOtherVersion(
  rule: CompiledRule,
  kind: GroupVersionKind,
  subresource: string,
  resources: ResourceTable,
): CompiledRule | undefined {
  const form = otherForms(rule, kind, resources).find((each) => rule.matcher.concerns(each.kind, subresource));
  if (form === undefined) return undefined;
  const { judge } = rule;
  const seen = (view: RequestView) => viewAs(view, form, resources);
  return {
    ...rule,
    touches: (view) => rule.touches(seen(view).view),
    judge:
      judge &&
      ((view) => {
        const { view: converted, isConverted } = seen(view);
        if (isConverted) return judge(converted);
        return rule.touches(converted) ? unconverted(rule, kind, form, resources) : undefined;
      }),
  };
}

/** The versions of a kind in which a rule may want to see its objects. */
function otherForms(rule: CompiledRule, kind: GroupVersionKind, resources: ResourceTable): readonly Form[] {
  const { resource, source } = resources.ofKind(kind);
  if (source !== 'guessed') return resources.equivalents(resource);
  // Of a group that is known whole there is no such kind. Of any other, any version that a rule names may be served.
  if (resources.knowsWholeGroup(kind.group)) return [];
  return rule.matcher.versions.map((version) => ({
    kind: { ...kind, version },
    resource: { ...resource, version },
  }));
}

function viewAs(view: RequestView, form: Form, resources: ResourceTable): { view: RequestView; isConverted: boolean } {
  const { object, oldObject } = view.request;
  const convert = (each: PolicyRequest['object']) => (each === null ? null : convertObject(each, form.kind, resources));
  const [converted, old] = [convert(object), convert(oldObject)];
  const isConverted = converted !== undefined && old !== undefined;
  const request: PolicyRequest = {
    ...view.request,
    kind: form.kind,
    resource: form.resource,
    // What match blocks look at is the same in every version.
    object: isConverted ? converted : object,
    oldObject: isConverted ? old : oldObject,
  };
  return { view: viewOf(request, view.world), isConverted };
}

function unconverted(
  { rule, actions }: CompiledRule,
  kind: GroupVersionKind,
  form: Form,
  resources: ResourceTable,
): RuleResult {
  const isGuessed = resources.ofKind(kind).source === 'guessed';
  const why = isGuessed ? ': its CustomResourceDefinition is not in the snapshot' : '';
  const wanted = apiVersionOf(form.kind);
  return {
    rule: rule.name,
    status: 'error',
    message: `the rule is for ${wanted} ${form.kind.kind}, and an object of ${apiVersionOf(kind)} cannot be converted to it here${why}`,
    action: actions.usual,
    ...(isGuessed && { lacks: 'snapshot' }),
  };
}
