import { BadImage, readImageInfo } from '../../image-info.ts';
import { invalidCall } from '../error.ts';
import type { JmesFunction, Run } from '../function.ts';

/** Kyverno's function of image names. */
export const images: readonly JmesFunction[] = [
  { name: 'image_normalize', parameters: [['string']], call: ([image], run) => normalized(image as string, run) },
];

/** The name with the registry and the tag that it leaves out: `nginx` becomes `docker.io/nginx:latest`. */
function normalized(image: string, run: Run): string {
  try {
    return readImageInfo(image, run.images).reference;
  } catch (error) {
    if (error instanceof BadImage) throw invalidCall('image_normalize', error.message);
    throw error;
  }
}
