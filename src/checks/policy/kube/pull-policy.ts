import { isImageReference, parseImageReference } from '../../../core/image.ts';

/** What kubelets do with an image whose author does not say: `latest`, written or meant, is pulled each time. */
export function pullPolicyFor(image: string): 'Always' | 'IfNotPresent' {
  if (!isImageReference(image)) return 'IfNotPresent';
  const { tag, digest } = parseImageReference(image);
  return tag === 'latest' || (tag === undefined && digest === undefined) ? 'Always' : 'IfNotPresent';
}
