/** The thread that verifies, run from the sources. */
import { parentPort } from 'node:worker_threads';
import { serveExaminations } from '../../src/checks/images/verify/worker.ts';

if (parentPort !== null) serveExaminations(parentPort);
