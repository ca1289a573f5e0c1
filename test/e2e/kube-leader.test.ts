import { openKube } from '../../src/adapters/kube/open.ts';
import { SILENT_LOG } from '../../src/core/telemetry.ts';
import { describeLeadership } from '../support/kube/leadership.ts';
import { startKubernetes } from '../support/kubernetes/cluster.ts';

describeLeadership('leadership over a real API server', async () => {
  const server = await startKubernetes();
  const kube = await openKube({ kubeconfig: server.kubeconfigFile, log: SILENT_LOG, clock: Date });
  return {
    kube,
    async close() {
      kube.close();
      await server.stop();
    },
  };
});
