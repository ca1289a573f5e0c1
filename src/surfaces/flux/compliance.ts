import type { NamespaceFacts, StandingGate } from '../../gates.ts';
import { type Saying, withConditions } from './conditions.ts';
import { Hindrance } from './hindrance.ts';
import type { Outcomes } from './outcome.ts';
import { gateOf } from './resolve.ts';
import type { Compliance, ReconcilerPorts, ReconcilerSettings, Run } from './run.ts';
import { complianceSaying, compliant } from './sayings.ts';

/** How what is served fares under the rules that hold now, as the status of its GatedSource says it. */
export function createCompliance(
  { gates, compliances, timers }: ReconcilerPorts,
  settings: ReconcilerSettings,
  outcomes: Outcomes,
) {
  /** The Gate that judges. Where there is none, nobody can say either how what is served fares. */
  function governingGate(run: Run, namespace: NamespaceFacts): StandingGate {
    try {
      return gateOf(gates, namespace);
    } catch (thrown) {
      if (thrown instanceof Hindrance && run.status.artifact !== undefined) {
        say(run, { type: 'Compliant', status: 'Unknown', reason: thrown.reason, message: thrown.text });
      }
      throw thrown;
    }
  }

  function say(run: Run, saying: Saying): void {
    const { conditions = [] } = run.status;
    const said = withConditions(conditions, [saying], run.source.metadata.generation, timers.wallTime());
    run.status = { ...run.status, conditions: said };
  }

  /**
   * Notes how what is served fares under the rules that hold now, and asks where nobody has looked yet. True where it
   * was withdrawn.
   */
  async function take(run: Run, gate: StandingGate): Promise<boolean> {
    const { artifact } = run.status;
    if (artifact === undefined) return false;
    if (artifact.rules === gate.rules) {
      say(run, compliant(gate.name));
      return false;
    }
    const found = of(run, gate);
    if (found === undefined) {
      // As it is, without rendering: that costs less, and what was let out may not be what the source holds now.
      compliances.ask(run.key);
      return false;
    }
    if (found.verdict === 'denied' && settings.withdraw) {
      await outcomes.withdraw(run, gate, found.findings, found.total);
      compliances.forget(run.key);
      return true;
    }
    say(run, complianceSaying(found));
    if (found.verdict === 'allowed') run.status = { ...run.status, artifact: { ...artifact, rules: gate.rules } };
    return false;
  }

  /** What judging what is served by these very rules has given. */
  function of(run: Run, gate: StandingGate): Compliance | undefined {
    const found = compliances.of(run.key);
    const isAbout = found?.digest === run.status.artifact?.digest && found?.rules === gate.rules;
    return isAbout ? found : undefined;
  }

  return { governingGate, take, of };
}
