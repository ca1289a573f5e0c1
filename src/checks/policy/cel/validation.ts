import type { CelProfile } from './environment.ts';
import type { Resolved } from './resolved.ts';

/** What an environment asks of an expression beyond its types. Throws CelError (`type`). */
export function validate(_root: Resolved, _profile: CelProfile): void {}
