output "configuration" {
  description = "The sidecar's configuration, as YAML."
  value       = module.configuration.yaml
}

output "labels" {
  description = "Labels of the pods, for a Service, a NetworkPolicy or a PodMonitor."
  value       = local.labels
}
