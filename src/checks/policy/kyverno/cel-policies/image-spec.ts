import type { CelProgram } from '../../cel/compile.ts';
import { CostBudget } from '../../cel/cost.ts';
import { EntryMap } from '../../cel/values.ts';
import { type PolicyDocument, policyError } from '../../document.ts';
import { compileExpression, describe } from '../../expression.ts';
import type { ImageTrust } from '../../image-answers.ts';
import type { GroupVersionResource } from '../../kube/request.ts';
import { environmentWith, imageVocabulary, type Language, referenceVocabulary } from './environment.ts';
import { attempt, type Evaluator } from './evaluation.ts';
import { compileGlob } from './glob.ts';
import { builtInExtractors, type Extractor } from './image-extractors.ts';
import { AttestorValue, asksForAttestations, readsAttestations, UNANSWERED_FUNCTIONS } from './image-functions.ts';
import type { Attestation, ImageValidatingPolicySpec } from './schema.ts';
import { type CompiledException, type CompiledSpec, compileExceptions, compileSpec } from './spec.ts';
import { type About, BUDGET, type CelPolicyContext } from './validating-policy.ts';

/** The expressions of an image policy, for objects of one shape. */
export interface ImageProgram {
  readonly spec: CompiledSpec;
  extractors(resource: GroupVersionResource): readonly Extractor[];
}

/** What an image policy is made of, whatever the objects. */
export interface CompiledImages {
  readonly own: () => ImageProgram;
  /** Of what autogen wrote; compiled when it is first asked for. */
  readonly rewritten: (spec: ImageValidatingPolicySpec) => () => ImageProgram;
  readonly exceptions: readonly CompiledException[];
  readonly trusts: readonly ImageTrust[];
  readonly attestors: EntryMap;
  readonly attestations: EntryMap;
  /** Whether `matchImageReferences` means an image. An evaluator of its own where none is given. */
  applies(image: string, evaluator: Evaluator | undefined): boolean | { readonly error: string };
}

/** Throws POLICY_INVALID and POLICY_UNSUPPORTED with the line of what cannot be evaluated. */
export function compileImages(
  { document, kind, name, language }: About,
  spec: ImageValidatingPolicySpec,
  { exceptions }: CelPolicyContext,
): CompiledImages {
  const owner = `${kind} ${name}`;
  const mode = spec.evaluation?.mode === 'JSON' ? 'JSON' : 'Kubernetes';
  const vocabulary = imageVocabulary(language, mode);
  const compile = (written: ImageValidatingPolicySpec): ImageProgram => {
    const compiled = compileSpec(document, written, vocabulary);
    const compiling = { document, unanswered: vocabulary.unanswered, environment: environmentWith(vocabulary, {}) };
    const named = (written.images ?? []).map(({ name, expression }, i) => ({
      name,
      program: compileExpression(compiling, ['spec', 'images', i, 'expression'], expression, 'list of strings'),
    }));
    const builtIn = new Map<string, readonly Extractor[]>();
    return {
      spec: compiled,
      extractors(resource) {
        const key = `${resource.group}/${resource.version}/${resource.resource}`;
        let found = builtIn.get(key);
        if (found === undefined) {
          const all = [...(mode === 'JSON' ? [] : builtInExtractors(compiling, resource)), ...named];
          found = [...new Map(all.map((each) => [each.name, each])).values()];
          builtIn.set(key, found);
        }
        return found;
      },
    };
  };
  const own = compile(spec);
  const functions = functionsOf(own.spec);
  refuseUnanswered(document, own.spec);
  const attestors = readAttestors(document, spec, owner, functions);
  return {
    own: () => own,
    rewritten(written) {
      let made: ImageProgram | undefined;
      return () => (made ??= compile(written));
    },
    exceptions: compileExceptions(exceptions, { kind, name }, vocabulary),
    trusts: attestors.flatMap((attestor) => [
      attestor.signature,
      ...[...attestor.attestations.values()].filter((each) => each !== 'unverifiable'),
    ]),
    attestors: new EntryMap(attestors.map((attestor) => [attestor.name, attestor])),
    attestations: new EntryMap((spec.attestations ?? []).map((each) => [each.name, each.name])),
    applies: compileReferences(document, spec, language),
  };
}

function readAttestors(
  document: PolicyDocument,
  spec: ImageValidatingPolicySpec,
  owner: string,
  functions: ReadonlySet<string>,
): AttestorValue[] {
  return spec.attestors.map((attestor, i) => {
    const path = ['spec', 'attestors', i];
    const trust = { spelling: 'attestor', document, path, owner: `${owner}, attestor ${attestor.name}` } as const;
    const asked = asksForAttestations(functions) ? (spec.attestations ?? []) : [];
    const isNotary = Object.hasOwn(attestor, 'notary');
    const attestations = asked.map((attestation, j): [string, ImageTrust | 'unverifiable'] => {
      const where = ['spec', 'attestations', j];
      const type = typeFor(document, where, attestation, isNotary);
      if (type === undefined) return [attestation.name, 'unverifiable'];
      return [
        attestation.name,
        {
          ...trust,
          attestation: {
            name: attestation.name,
            predicateType: type,
            path: where,
            wantsStatements: readsAttestations(functions),
          },
        },
      ];
    });
    return new AttestorValue(attestor.name, trust, new Map(attestations));
  });
}

/** Undefined for what such an attestor never signs, in Kyverno either: in-toto by Notary, referrers by Cosign. */
function typeFor(
  document: PolicyDocument,
  path: readonly (string | number)[],
  { intoto, referrer }: Attestation,
  isNotary: boolean,
): string | undefined {
  if (referrer === undefined) return isNotary ? undefined : intoto?.type;
  if (!isNotary) return undefined;
  const why = `${describe(path)}: attachments that the Notary Project signs are not verified`;
  throw policyError(document, [...path, 'referrer'], why, 'POLICY_UNSUPPORTED');
}

function compileReferences(
  document: PolicyDocument,
  spec: ImageValidatingPolicySpec,
  { profile }: Language,
): CompiledImages['applies'] {
  const references = spec.matchImageReferences ?? [];
  if (references.length === 0) return () => true;
  const vocabulary = referenceVocabulary(profile);
  const compiling = { document, unanswered: vocabulary.unanswered, environment: environmentWith(vocabulary, {}) };
  const tests = references.map(({ glob, expression = '' }, i): ((text: string) => boolean) | CelProgram => {
    const path = ['spec', 'matchImageReferences', i];
    if (glob === undefined) {
      return compileExpression(compiling, [...path, 'expression'], expression, 'bool');
    }
    const compiled = compileGlob(glob);
    if (typeof compiled === 'function') return compiled;
    throw policyError(document, [...path, 'glob'], `${describe([...path, 'glob'])} ${compiled.fault}`);
  });
  return (image, given) => {
    for (const test of tests) {
      if (typeof test === 'function') {
        if (test(image)) return true;
        continue;
      }
      const evaluator = given ?? { budget: new CostBudget(BUDGET), host: { now: 0, random: () => 0 } };
      const tried = attempt(evaluator, test, (name) => (name === 'ref' ? image : undefined));
      if ('error' in tried) return tried;
      if (tried.value === true) return true;
    }
    return false;
  };
}

function programsOf(spec: CompiledSpec): CelProgram[] {
  return [
    ...spec.matchConditions,
    ...spec.variables.values(),
    ...spec.validations.flatMap(({ program, messageExpression }) => [
      program,
      ...(messageExpression ? [messageExpression] : []),
    ]),
    ...spec.auditAnnotations.map(({ program }) => program),
  ];
}

function functionsOf(spec: CompiledSpec): ReadonlySet<string> {
  return new Set(programsOf(spec).flatMap(({ functions }) => [...functions]));
}

function refuseUnanswered(document: PolicyDocument, spec: CompiledSpec): void {
  for (const [name, why] of UNANSWERED_FUNCTIONS) {
    if (!functionsOf(spec).has(name)) continue;
    const at = spec.validations.find(({ program }) => program.functions.has(name));
    throw policyError(document, at?.path ?? ['spec'], `${name} is not evaluated: ${why}`, 'POLICY_UNSUPPORTED');
  }
}
