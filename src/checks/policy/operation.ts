import type { JsonPath } from '../../core/json.ts';
import type { PolicyDocument } from './document.ts';

/** What a policy makes of the operation is told of as far as its text says so: what may be an update is judged as CREATE. */
export const DEPENDS_ON_OPERATION = 'it depends on the operation; a gate judges as CREATE';

/** `request.operation`, with a step in brackets or quotes as CEL and JMESPath write it too. */
const mention = /\brequest\s*(?:\.\s*"?operation\b"?|\[\s*(?:'operation'|"operation")\s*\])/g;
/** What stands after it where CREATE and UPDATE are told from other operations, and not from each other. */
const neither = /^\s*(?:==|!=)\s*(['"])(?:DELETE|CONNECT)\1/;
const literal = /^(['"])([A-Z]+)\1$/;
const listed = /^\s*in\s*\[([^\]]*)\]/;

/** Whether a text speaks of the operation at all. */
export function mentionsOperation(text: string): boolean {
  return text.search(mention) >= 0;
}

/** Whether an expression of CEL may have another value for UPDATE than for CREATE, for all that its text says. */
export function tellsOperations(expression: string): boolean {
  return [...expression.matchAll(mention)].some(({ 0: { length }, index }) => {
    const after = expression.slice(index + length);
    if (neither.test(after)) return false;
    const list = listed.exec(after)?.[1];
    if (list === undefined) return true;
    const names = list.split(',').map((each) => literal.exec(each.trim())?.[2]);
    return names.includes(undefined) || names.includes('CREATE') !== names.includes('UPDATE');
  });
}

interface Expressions {
  readonly matchConditions?: readonly Expression[] | undefined;
  readonly variables?: readonly Expression[] | undefined;
  readonly validations?: readonly Expression[] | undefined;
}
interface Expression {
  readonly expression: string;
}

/** A warning for each expression of a policy's spec that tells operations apart. */
export function expressionWarnings(document: PolicyDocument, spec: Expressions): string[] {
  return (['matchConditions', 'variables', 'validations'] as const).flatMap((part) =>
    (spec[part] ?? []).flatMap(({ expression }, i): string[] => {
      const path: JsonPath = ['spec', part, i, 'expression'];
      return tellsOperations(expression) ? [`${document.locate(path)}: ${DEPENDS_ON_OPERATION}`] : [];
    }),
  );
}
