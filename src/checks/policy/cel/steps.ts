import { type CelError, decidingError, evaluationError, noSuchOverload } from './error.ts';
import { absorbable, type Evaluate, Poison } from './frame.ts';
import { CelOptional, type CelValue } from './values.ts';

/** A variable that the caller binds: the first of the names that is bound. */
export function variable(names: readonly string[]): Evaluate {
  const [name] = names;
  if (name !== undefined && names.length === 1) {
    return (frame) => {
      frame.budget.charge(1);
      const value = frame.bindings(name);
      if (value === undefined) throw evaluationError(`no such attribute(s): ${name}`);
      return value;
    };
  }
  return (frame) => {
    frame.budget.charge(1);
    for (const candidate of names) {
      const value = frame.bindings(candidate);
      if (value !== undefined) return value;
    }
    throw evaluationError(`no such attribute(s): ${names.join(', ')}`);
  };
}

/** A variable of a comprehension; an accumulator may hold an error. */
export function local(slot: number): Evaluate {
  return (frame) => {
    frame.budget.charge(1);
    const value = frame.slots[slot] as CelValue | Poison;
    if (value instanceof Poison) throw value.error;
    return value;
  };
}

/** `&&` (decided by false) and `||` (decided by true): a term that decides makes errors of the others forgotten. */
export function logic(terms: readonly Evaluate[], decisive: boolean): Evaluate {
  return (frame) => {
    let failure: CelError | undefined;
    for (let i = 0; i < terms.length; i++) {
      try {
        const value = (terms[i] as Evaluate)(frame);
        if (value === decisive) return decisive;
        if (value !== !decisive) failure ??= noSuchOverload();
      } catch (cause) {
        failure = decidingError(failure, absorbable(cause));
      }
    }
    if (failure !== undefined) throw failure;
    return !decisive;
  };
}

/** `condition ? yes : no`. */
export function conditional(condition: Evaluate, yes: Evaluate, no: Evaluate): Evaluate {
  return (frame) => {
    const value = condition(frame);
    if (value === true) return yes(frame);
    if (value === false) return no(frame);
    throw noSuchOverload();
  };
}

/** Whether an accumulator leaves something to decide: an error does. */
export function notStrictlyFalse(operand: Evaluate): Evaluate {
  return (frame) => {
    frame.budget.charge(1);
    try {
      return operand(frame) !== false;
    } catch (cause) {
      absorbable(cause);
      return true;
    }
  };
}

/** `optional.or(optional)` and `optional.orValue(value)`: the other side is evaluated only where it is needed. */
export function alternative(optional: Evaluate, other: Evaluate, keeps: boolean, isLoose: boolean): Evaluate {
  return (frame) => {
    const value = optional(frame);
    if (!(value instanceof CelOptional)) {
      if (isLoose) return value;
      throw noSuchOverload();
    }
    if (value.value !== undefined) return keeps ? value : value.value;
    return other(frame);
  };
}
