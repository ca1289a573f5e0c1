import * as z from 'zod/mini';
import { LabelSelector, MatchResources } from '../kube/match-resources.ts';

const text = z.string();
/** Labels, annotations and what else objects carry; nothing in it changes what a policy says. */
const Metadata = z.looseObject({
  name: text.check(z.minLength(1)),
  annotations: z.optional(z.nullable(z.record(text, text))),
});
const visible = text.check(z.refine((value) => value.trim() !== '', { error: 'it is empty' }));
const identifier = /^[_a-zA-Z][_a-zA-Z0-9]*$/;
const reserved = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

const Validation = z.strictObject({
  expression: visible,
  message: z.optional(
    text.check(
      z.refine((value) => value === '' || value.trim() !== '', { error: 'it is blank' }),
      z.refine((value) => !/[\r\n]/.test(value.trim()), { error: 'it has more than one line' }),
    ),
  ),
  messageExpression: z.optional(
    text.check(z.refine((value) => value === '' || value.trim() !== '', { error: 'it is blank' })),
  ),
  reason: z.optional(z.enum(['Unauthorized', 'Forbidden', 'Invalid', 'RequestEntityTooLarge'])),
});
export type Validation = z.infer<typeof Validation>;

const Variable = z.strictObject({
  name: text.check(
    z.refine((name) => identifier.test(name) && !reserved.has(name), { error: 'it is no identifier of CEL' }),
  ),
  expression: visible,
});
export type Variable = z.infer<typeof Variable>;

const MatchCondition = z.strictObject({ name: visible, expression: visible });
export type MatchCondition = z.infer<typeof MatchCondition>;

const AuditAnnotation = z.strictObject({ key: visible, valueExpression: visible });
export type AuditAnnotation = z.infer<typeof AuditAnnotation>;

const ParamKind = z.strictObject({
  apiVersion: text.check(z.regex(/^([a-z0-9.-]+\/)?v[a-z0-9]+$/)),
  kind: text.check(z.regex(/^[A-Za-z][A-Za-z0-9-]*$/)),
});
export type ParamKind = z.infer<typeof ParamKind>;

/** ValidatingAdmissionPolicy of admissionregistration.k8s.io/v1. */
export const AdmissionPolicy = z.strictObject({
  apiVersion: z.enum(['admissionregistration.k8s.io/v1', 'admissionregistration.k8s.io/v1beta1']),
  kind: z.literal('ValidatingAdmissionPolicy'),
  metadata: Metadata,
  spec: z
    .strictObject({
      paramKind: z.optional(ParamKind),
      matchConstraints: MatchResources.check(
        z.refine(({ resourceRules }) => (resourceRules ?? []).length > 0, {
          error: 'resourceRules must name resources',
        }),
      ),
      matchConditions: z.optional(
        z.array(MatchCondition).check(
          z.maxLength(64),
          z.refine((all) => new Set(all.map(({ name }) => name)).size === all.length, { error: 'a name stands twice' }),
        ),
      ),
      variables: z.optional(
        z.array(Variable).check(
          z.refine((all) => new Set(all.map(({ name }) => name)).size === all.length, {
            error: 'a name stands twice',
          }),
        ),
      ),
      validations: z.optional(z.array(Validation)),
      auditAnnotations: z.optional(
        z.array(AuditAnnotation).check(
          z.maxLength(20),
          z.refine((all) => new Set(all.map(({ key }) => key)).size === all.length, { error: 'a key stands twice' }),
        ),
      ),
      failurePolicy: z.optional(z.enum(['Fail', 'Ignore'])),
    })
    .check(
      z.refine(
        ({ validations, auditAnnotations }) => (validations ?? []).length + (auditAnnotations ?? []).length > 0,
        {
          error: 'validations or auditAnnotations must hold at least one item',
        },
      ),
    ),
  /** Written by the server; a policy that was read from a cluster has it. */
  status: z.optional(z.unknown()),
});
export type AdmissionPolicy = z.infer<typeof AdmissionPolicy>;

/** ValidatingAdmissionPolicyBinding of admissionregistration.k8s.io/v1. */
export const AdmissionBinding = z.strictObject({
  apiVersion: z.enum(['admissionregistration.k8s.io/v1', 'admissionregistration.k8s.io/v1beta1']),
  kind: z.literal('ValidatingAdmissionPolicyBinding'),
  metadata: Metadata,
  spec: z.strictObject({
    policyName: visible,
    paramRef: z.optional(
      z
        .strictObject({
          name: z.optional(text),
          namespace: z.optional(text),
          selector: z.optional(LabelSelector),
          parameterNotFoundAction: z.enum(['Allow', 'Deny']),
        })
        .check(
          z.refine(({ name, selector }) => ((name ?? '') !== '') !== (selector !== undefined), {
            error: 'exactly one of name and selector must be there',
          }),
        ),
    ),
    matchResources: z.optional(MatchResources),
    validationActions: z.array(z.enum(['Deny', 'Warn', 'Audit'])).check(
      z.minLength(1),
      z.refine((all) => new Set(all).size === all.length, { error: 'an action stands twice' }),
      z.refine((all) => !(all.includes('Deny') && all.includes('Warn')), { error: 'Deny and Warn exclude each other' }),
    ),
  }),
});
export type AdmissionBinding = z.infer<typeof AdmissionBinding>;
