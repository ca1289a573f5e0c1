import { openKube } from '../../src/adapters/kube/open.ts';
import { SILENT_LOG } from '../../src/core/telemetry.ts';
import { describeKube, serveWidgets } from '../support/kube/contract.ts';
import { startKubernetes } from '../support/kubernetes/cluster.ts';

describeKube('the adapter and a real API server', async () => {
  const server = await startKubernetes();
  const kube = await openKube({ kubeconfig: server.kubeconfigFile, log: SILENT_LOG, clock: Date });
  await serveWidgets(kube);
  return {
    kube,
    async close() {
      kube.close();
      await server.stop();
    },
  };
});
