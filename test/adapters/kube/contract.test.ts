import { describeKube } from '../../support/kube/contract.ts';
import { createMemoryKube } from '../../support/kube/memory.ts';

// The same against a real API server: test/e2e/kube-adapter.test.ts.
describeKube('the double of the API server', async () => ({
  kube: createMemoryKube({ apiVersions: ['test.syncgate.dev/v1/Widget'] }),
  async close() {},
}));
