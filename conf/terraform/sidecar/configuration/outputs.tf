output "yaml" {
  description = "The configuration; `oxpecker check` takes it."
  value       = yamlencode(local.configuration)
}

output "memory_limit" {
  description = "What the container needs for it."
  value       = "${max(32, 2 * var.memory_mib)}Mi"
}
