import type { Pod } from './pod.ts';
import type { ControlViolation } from './violation.ts';

/** What a control finds in a Pod; undefined where it holds. */
export type ControlCheck = (pod: Pod) => Omit<ControlViolation, 'id'> | undefined;
