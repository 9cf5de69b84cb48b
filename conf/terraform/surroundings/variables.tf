variable "name" {
  description = "Name of the database, the cache and the secret."
  type        = string
}

variable "subnets" {
  description = "Private subnets, in two zones at least."
  type        = list(string)
  validation {
    condition     = length(var.subnets) >= 2
    error_message = "The database has a standby in another zone: name two subnets at least."
  }
}

variable "security_groups" {
  description = "Security groups that let the pods in on 5432 and 6379, and nobody else."
  type        = list(string)
}

variable "database_class" {
  description = "Instance class of PostgreSQL."
  type        = string
  default     = "db.t4g.medium"
}

variable "database_gib" {
  description = "GiB of PostgreSQL's disk at first; it grows to four times that by itself."
  type        = number
  default     = 50
}

variable "backup_days" {
  description = "Days that PostgreSQL can be set back to any moment of."
  type        = number
  default     = 14
  validation {
    condition     = var.backup_days >= 1 && var.backup_days <= 35
    error_message = "backup_days is 1 to 35: with 0 there would be no backups."
  }
}

variable "password_version" {
  description = "A higher number makes a new password, in PostgreSQL and in Vault."
  type        = number
  default     = 1
}

variable "vault_mount" {
  description = "Vault's key-value engine, version 2, that the password goes to."
  type        = string
  default     = "secret"
}

variable "cache_node" {
  description = "Node type of Redis."
  type        = string
  default     = "cache.t4g.small"
}
