output "database" {
  description = "Host and port of PostgreSQL, for a check such as tcp://HOST:PORT."
  value       = aws_db_instance.database.endpoint
}

output "cache" {
  description = "Host of Redis; its port is 6379, with TLS."
  value       = aws_elasticache_replication_group.cache.primary_endpoint_address
}

output "secret_path" {
  description = "Where Vault has the database's user and password."
  value       = vault_kv_secret_v2.database.path
}
