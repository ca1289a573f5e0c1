import { describeLeadership } from '../../support/kube/leadership.ts';
import { createMemoryKube } from '../../support/kube/memory.ts';

// The same against a real API server: test/e2e/kube-leader.test.ts.
describeLeadership('leadership over the double of the API server', async () => ({
  kube: createMemoryKube(),
  async close() {},
}));
