/** Which data of the platform an answer would have needed: objects of the cluster, or who applies the manifests. */
export type Lacks = 'snapshot' | 'identity';
