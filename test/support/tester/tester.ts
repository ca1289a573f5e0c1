/** policy-controller's own tester: what a cluster with that policy would do with an image. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type MockSigstore, pemOf, spkiOf } from '../sigstore/mock.ts';
import { tool } from '../tools/resolve.ts';

const run = promisify(execFile);

export type TesterVerdict = 'allows' | 'denies' | 'refuses the policy';

export interface TesterQuestion {
  readonly policyFile: string;
  readonly image: string;
  readonly trustRootFile: string;
  /** The object that runs the image. */
  readonly resourceFile?: string;
}

export async function askTester(
  question: TesterQuestion,
): Promise<{ readonly verdict: TesterVerdict; readonly says: string }> {
  const { verdict, says } = await runTester(question, 'error');
  return { verdict, says: says.trim().slice(-1500) };
}

/** What the tester shows to the policy over an image, its `spec.policy`; undefined where it never came to it. */
export async function inputOfTester(question: TesterQuestion): Promise<unknown> {
  const { says } = await runTester(question, 'info');
  const shown = /CIP level policy: (\{.*\})$/m.exec(says)?.[1];
  return shown === undefined ? undefined : JSON.parse(shown);
}

async function runTester(
  question: TesterQuestion,
  logLevel: 'error' | 'info',
): Promise<{ readonly verdict: TesterVerdict; readonly says: string }> {
  const { policyFile, image, trustRootFile, resourceFile } = question;
  const args = ['-policy', policyFile, '-image', image, '-trustroot', trustRootFile, '-log-level', logLevel];
  const resource = resourceFile === undefined ? [] : ['-resource', resourceFile];
  // A proxy that is not there keeps it from asking Sigstore's own servers.
  const env = {
    HOME: '/nonexistent',
    TUF_ROOT: '/nonexistent',
    HTTPS_PROXY: 'http://127.0.0.1:9',
    NO_PROXY: '127.0.0.1',
  };
  try {
    const { stdout, stderr } = await run(await tool('tester'), [...args, ...resource], { env, timeout: 60_000 });
    return { verdict: 'allows', says: `${stdout}${stderr}` };
  } catch (error) {
    const { stdout = '', stderr = '', code } = error as { stdout?: string; stderr?: string; code?: unknown };
    if (code !== 1) throw error;
    const verdict = stdout.trimStart().startsWith('{') ? 'denies' : 'refuses the policy';
    return { verdict, says: `${stdout}${stderr}` };
  }
}

/** A TrustRoot of the keys of a Sigstore, under the name `corp`. */
export function trustRootDocument(sigstore: MockSigstore): string {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const publicKey = (der: Buffer) => base64(pemOf(der, 'PUBLIC KEY'));
  const ctlog = (sigstore.trustedRoot() as { ctlogs: { publicKey: { rawBytes: string } }[] }).ctlogs[0];
  const log = (baseURL: string, der: Buffer) => ({ baseURL, hashAlgorithm: 'sha-256', publicKey: publicKey(der) });
  return JSON.stringify({
    apiVersion: 'policy.sigstore.dev/v1alpha1',
    kind: 'TrustRoot',
    metadata: { name: 'corp' },
    spec: {
      sigstoreKeys: {
        certificateAuthorities: [
          {
            subject: { organization: 'test.example', commonName: 'fulcio root' },
            uri: 'https://fulcio.test.example',
            certChain: base64(sigstore.root.pem),
          },
        ],
        tLogs: [log(sigstore.rekor.baseUrl, spkiOf(sigstore.rekor.keys.publicKey))],
        ctLogs: [log('https://ctlog.test.example', Buffer.from(ctlog?.publicKey.rawBytes ?? '', 'base64'))],
        timestampAuthorities: [
          {
            subject: { organization: 'test.example', commonName: 'timestamps' },
            uri: 'https://timestamp.test.example',
            certChain: base64(`${sigstore.tsa.pem}${sigstore.tsaRoot.pem}`),
          },
        ],
      },
    },
  });
}
