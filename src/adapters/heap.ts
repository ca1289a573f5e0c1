import { setFlagsFromString } from 'node:v8';

/**
 * Lets the heap grow by half of what is live, and not to several times it, before it is collected whole. A process that
 * stays up is judged by its memory limit; what it judges again and again leaves more garbage than it keeps. Unlike a
 * bound (--max-old-space-size) it refuses nothing: a large application still gets what it needs.
 */
export function growHeapSlowly(): void {
  setFlagsFromString('--heap-growing-percent=50');
}
