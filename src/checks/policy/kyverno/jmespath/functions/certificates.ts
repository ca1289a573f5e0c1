import { CertificateError, decodeCertificate } from '../../../values/x509.ts';
import { invalidCall, unsupportedCall } from '../error.ts';
import type { JmesFunction } from '../function.ts';

/** Kyverno's function of certificates. */
export const certificates: readonly JmesFunction[] = [
  {
    name: 'x509_decode',
    parameters: [['string']],
    call: ([pem], run) => {
      run.spend((pem as string).length);
      try {
        return decodeCertificate(pem as string);
      } catch (error) {
        if (!(error instanceof CertificateError)) throw error;
        if (error.isUnknown) throw unsupportedCall('x509_decode', error.message);
        throw invalidCall('x509_decode', error.message);
      }
    },
  },
];
