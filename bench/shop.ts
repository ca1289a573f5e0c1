/** An application of any size and as many rules as one likes: the same numbers always give the same bytes. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const KINDS = ['Deployment', 'Service', 'ConfigMap', 'ServiceAccount', 'StatefulSet'] as const;

/** The objects of a shop, as YAML documents: workloads as large as real ones, and what belongs to them. */
export function shopObjects(count: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    const kind = KINDS[i % KINDS.length] ?? 'ConfigMap';
    const name = `shop-${kind.toLowerCase()}-${i}`;
    const labels = `app.kubernetes.io/name: ${name}\n    app.kubernetes.io/part-of: shop\n    team: team-${i % 7}`;
    const head = (apiVersion: string) =>
      `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata:\n  name: ${name}\n  namespace: shop\n  labels:\n    ${labels}\n`;
    switch (kind) {
      case 'Deployment':
      case 'StatefulSet':
        return head('apps/v1') + workloadSpec(name, i);
      case 'Service':
        return `${head('v1')}spec:\n  type: ${i % 20 === 1 ? 'NodePort' : 'ClusterIP'}\n  selector:\n    app: ${name}\n  ports:\n    - name: http\n      port: 80\n      targetPort: 8080\n`;
      case 'ConfigMap':
        return `${head('v1')}data:\n  LOG_LEVEL: info\n  PAYMENT_URL: https://payments.shop.example/v${i % 3}\n  settings.yaml: |\n    cache: true\n    size: ${i}\n`;
      case 'ServiceAccount':
        return `${head('v1')}automountServiceAccountToken: ${i % 15 === 3}\n`;
      default:
        return kind satisfies never;
    }
  });
}

function workloadSpec(name: string, i: number): string {
  const container = (part: string, n: number) => `        - name: ${part}
          image: registry.shop.example/team-${n % 7}/${part}:${n % 10 === 0 ? 'latest' : `1.${n}.0`}
          args: ["--port=8080", "--config=/etc/shop/settings.yaml"]
          env:
            - name: LOG_LEVEL
              valueFrom:
                configMapKeyRef:
                  name: ${name}
                  key: LOG_LEVEL
            - name: REGION
              value: eu-${n % 3}
          ports:
            - containerPort: 8080
          resources:
            requests:
              cpu: ${(n % 8) + 1}00m
              memory: 128Mi
            limits:
              cpu: "${(n % 4) + 1}"
              memory: ${(n % 6) + 1}Gi
          securityContext:
            allowPrivilegeEscalation: false
            privileged: ${n % 25 === 0}
            runAsNonRoot: true
          readinessProbe:
            httpGet:
              path: /healthz
              port: 8080
`;
  return `spec:
  replicas: ${(i % 3) + 1}
  selector:
    matchLabels:
      app: ${name}
  template:
    metadata:
      labels:
        app: ${name}
    spec:
      serviceAccountName: ${name}
      containers:
${container('web', i)}${container('proxy', i + 1)}`;
}

/** The bodies of small rules as teams write them; `n` makes each one different. */
const RULES: readonly ((head: string, n: number) => string)[] = [
  (head, n) => `${head} contains msg if {
	input.kind in {"Deployment", "StatefulSet"}
	some c in input.spec.template.spec.containers
	units.parse_bytes(c.resources.limits.memory) > ${n + 5} * 1024 * 1024 * 1024
	msg := sprintf("%s/%s: container %s may use more than ${n + 5} GiB", [input.kind, input.metadata.name, c.name])
}`,
  (head, n) => `${head} contains msg if {
	some c in input.spec.template.spec.containers
	endswith(c.image, ":latest")
	startswith(c.image, "registry.shop.example/team-${n}/")
	msg := sprintf("%s/%s: container %s is of no fixed version (${n})", [input.kind, input.metadata.name, c.name])
}`,
  (head, n) => `${head} contains msg if {
	input.kind == "Service"
	input.spec.type == "NodePort"
	some port in input.spec.ports
	port.port == ${n % 50 === 2 ? 80 : 443}
	msg := sprintf("%s/%s: opens port %d on every node (${n})", [input.kind, input.metadata.name, port.port])
}`,
  (head, n) => `${head} contains msg if {
	some c in input.spec.template.spec.containers
	c.securityContext.privileged
	not input.metadata.labels["shop/privileged-${n}"]
	input.metadata.labels.team == "team-${n}"
	msg := sprintf("%s/%s: container %s is privileged (${n})", [input.kind, input.metadata.name, c.name])
}`,
  (head, n) => `${head} contains msg if {
	input.kind == "ConfigMap"
	some key, value in input.data
	contains(value, "http://")
	regex.match(\`^[A-Z_]{${(n % 5) + 2},}$\`, key)
	msg := sprintf("%s/%s: %s is sent in the clear (${n})", [input.kind, input.metadata.name, key])
}`,
  (head, n) => `${head} contains msg if {
	required := {"app.kubernetes.io/name", "app.kubernetes.io/part-of", "team"}
	missing := required - object.keys(input.metadata.labels)
	count(missing) > ${n % 3}
	msg := sprintf("%s/%s: lacks the labels %v (${n})", [input.kind, input.metadata.name, missing])
}`,
];

/**
 * `shared`: all rules are called deny, as most people write them. `own`: each has a name of its own, so that it can be
 * excepted.
 */
export type Naming = 'shared' | 'own';

/** Rules in files of ten, in one package. */
function ruleFiles(count: number, naming: Naming): Map<string, string> {
  const files = new Map<string, string>();
  for (let start = 0; start < count; start += 10) {
    const rules = Array.from({ length: Math.min(10, count - start) }, (_, i) => {
      const n = start + i;
      return RULES[n % RULES.length]?.(naming === 'own' ? `deny_rule_${n}` : 'deny', n) ?? '';
    });
    files.set(`rules-${start / 10}.rego`, `package main\n\n${rules.join('\n\n')}\n`);
  }
  return files;
}

export interface Shop {
  readonly root: string;
  readonly app: string;
  readonly policies: string;
  readonly gate: string;
}

/** Writes an application, its rules and a Gate below `root`. */
export function writeShop(root: string, objects: number, rules: number, naming: Naming): Shop {
  const shop = { root, app: join(root, 'app'), policies: join(root, 'policies'), gate: join(root, 'gate.yaml') };
  mkdirSync(shop.app, { recursive: true });
  mkdirSync(shop.policies, { recursive: true });
  const documents = shopObjects(objects);
  for (let start = 0; start < documents.length; start += 10) {
    const name = `objects-${String(start / 10).padStart(3, '0')}.yaml`;
    writeFileSync(join(shop.app, name), documents.slice(start, start + 10).join('---\n'));
  }
  for (const [name, text] of ruleFiles(rules, naming)) writeFileSync(join(shop.policies, name), text);
  writeFileSync(
    shop.gate,
    'apiVersion: syncgate.dev/v1alpha1\nkind: Gate\nmetadata: { name: bench }\nspec:\n  policies: [{ path: policies }]\n  images: unchecked\n',
  );
  return shop;
}
