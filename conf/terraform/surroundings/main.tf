# What a workload has around it. No secret is in a plan or in the state: the password is ephemeral, and goes into
# arguments that are only written (…_wo). The cache knows its users by IAM and has no password.
ephemeral "random_password" "database" {
  length  = 32
  special = false
}

# PostgreSQL.
resource "aws_db_subnet_group" "database" {
  name       = var.name
  subnet_ids = var.subnets
}

resource "aws_db_instance" "database" {
  identifier     = var.name
  engine         = "postgres"
  engine_version = "17"
  instance_class = var.database_class
  db_name        = "app"
  username       = "app"

  password_wo         = ephemeral.random_password.database.result
  password_wo_version = var.password_version

  allocated_storage     = var.database_gib
  max_allocated_storage = 4 * var.database_gib
  storage_type          = "gp3"
  storage_encrypted     = true
  multi_az              = true

  db_subnet_group_name   = aws_db_subnet_group.database.name
  vpc_security_group_ids = var.security_groups
  publicly_accessible    = false

  # To any moment of the last days; and a snapshot that outlives it.
  backup_retention_period   = var.backup_days
  backup_window             = "02:00-03:00"
  maintenance_window        = "sun:03:30-sun:04:30"
  copy_tags_to_snapshot     = true
  delete_automated_backups  = false
  skip_final_snapshot       = false
  final_snapshot_identifier = "${var.name}-final"
  deletion_protection       = true

  enabled_cloudwatch_logs_exports = ["postgresql"]

  lifecycle {
    prevent_destroy = true
  }
}

# Redis, as Valkey: its user groups need no default user that has a password.
resource "aws_elasticache_subnet_group" "cache" {
  name       = var.name
  subnet_ids = var.subnets
}

resource "aws_elasticache_user" "app" {
  user_id       = "${var.name}-app"
  user_name     = "${var.name}-app"
  engine        = "valkey"
  access_string = "on ~* +@all -@dangerous"

  authentication_mode {
    type = "iam"
  }
}

resource "aws_elasticache_user_group" "app" {
  user_group_id = var.name
  engine        = "valkey"
  user_ids      = [aws_elasticache_user.app.user_id]
}

resource "aws_elasticache_replication_group" "cache" {
  replication_group_id = var.name
  description          = "Cache of ${var.name}"
  engine               = "valkey"
  node_type            = var.cache_node
  num_cache_clusters   = 2

  automatic_failover_enabled = true
  multi_az_enabled           = true
  at_rest_encryption_enabled = true
  transit_encryption_enabled = true

  subnet_group_name  = aws_elasticache_subnet_group.cache.name
  security_group_ids = var.security_groups
  user_group_ids     = [aws_elasticache_user_group.app.user_group_id]

  snapshot_retention_limit  = 7
  snapshot_window           = "02:00-03:00"
  final_snapshot_identifier = "${var.name}-final"
}

# Vault: what the pods read by its agent or a CSI mount (conf/secrets.md).
resource "vault_kv_secret_v2" "database" {
  mount = var.vault_mount
  name  = var.name

  data_json_wo = jsonencode({
    user     = aws_db_instance.database.username
    password = ephemeral.random_password.database.result
  })
  data_json_wo_version = var.password_version
}
