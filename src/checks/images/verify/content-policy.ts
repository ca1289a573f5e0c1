import { asGateError, GateError } from '../../../core/errors.ts';
import { canonicalJson, type JsonValue } from '../../../core/json.ts';
import type { ContentRule, PolicyContent } from '../policy/model.ts';
import type { AuthorityAccount, ContentAccount } from './account.ts';
import type { AppliedPolicy, VerifierPorts } from './case.ts';
import { contentInput } from './content-input.ts';

/** `spec.policy`: once, or once for each object where it looks at them; all must pass. */
export async function judgePolicyContent(
  content: PolicyContent,
  { objects }: AppliedPolicy,
  authorities: readonly AuthorityAccount[],
  ports: VerifierPorts,
): Promise<ContentAccount> {
  let configs: JsonValue | undefined;
  if (content.fetchConfigFile) {
    try {
      configs = await ports.configs();
    } catch (error) {
      ports.signal.throwIfAborted();
      return { kind: 'errored', error: asGateError(error, 'IMAGE_UNVERIFIABLE') };
    }
  }
  const inputs = new Map(
    (objects.length === 0 ? [undefined] : objects).map((object) => {
      const input = contentInput(content, authorities, configs, object);
      return [canonicalJson(input), input] as const;
    }),
  );
  for (const input of inputs.values()) {
    const answer = await judgeContent(content.rule, input, ports);
    if (answer.kind !== 'passed') return answer;
  }
  return { kind: 'passed' };
}

/** Asks a policy over signed content. Rejects only when the signal aborts; anything but an answer is an error in it. */
export async function judgeContent(rule: ContentRule, input: JsonValue, ports: VerifierPorts): Promise<ContentAccount> {
  try {
    if (ports.content === undefined)
      throw new GateError('IMAGE_POLICY_UNSUPPORTED', `${rule.name} cannot be judged: there is no engine for it`);
    const answer = await ports.content.judge(rule, input, ports.signal);
    if (answer?.kind === 'passed') return { kind: 'passed' };
    if (answer?.kind === 'failed') return { kind: 'failed', message: String(answer.message) };
    throw new GateError('CHECK_SILENT', `${rule.name} gave no answer`);
  } catch (error) {
    ports.signal.throwIfAborted();
    return { kind: 'errored', error: asGateError(error, 'CHECK_CRASHED') };
  }
}
