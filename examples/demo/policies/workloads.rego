# Rules as conftest reads them: every `deny` of package main refuses, every `warn` is told.
package main

pod_spec := input.spec.template.spec if input.kind in {"Deployment", "StatefulSet", "DaemonSet", "Job"}

pod_spec := input.spec.jobTemplate.spec.template.spec if input.kind == "CronJob"

containers contains container if some container in pod_spec.containers

containers contains container if some container in pod_spec.initContainers

deny contains msg if {
	some container in containers
	container.securityContext.privileged == true
	msg := sprintf("container %s is privileged", [container.name])
}

deny contains msg if {
	some container in containers
	not container.resources.limits.memory
	msg := sprintf("container %s has no memory limit", [container.name])
}

warn contains "one replica is none while it restarts" if {
	input.kind == "Deployment"
	object.get(input.spec, "replicas", 1) < 2
}
