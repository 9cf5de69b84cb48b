variable "service" {
  description = "Name of the workload, as it is shown with spans and lines."
  type        = string
}

variable "log_paths" {
  description = "Log files of the app: paths and globs in the volume that both containers mount."
  type        = list(string)
  default     = ["/var/log/app/*.log"]
  validation {
    condition     = length(var.log_paths) > 0 && alltrue([for path in var.log_paths : startswith(path, "/")])
    error_message = "log_paths takes absolute paths, at least one."
  }
}

variable "elasticsearch_url" {
  description = "Where log lines go: Elasticsearch or OpenSearch. Empty: they stay in the embedded store."
  type        = string
  default     = ""
}

variable "elasticsearch_user" {
  description = "User there; its password is the file `password` in secrets_folder. Empty: nobody logs in."
  type        = string
  default     = ""
}

variable "index" {
  description = "Index, alias or data stream of the log lines; %%{+yyyy.MM.dd} is the day of a line."
  type        = string
  default     = "logs"
}

variable "otlp_url" {
  description = "Where spans go: Jaeger or any receiver of OTLP. Empty: they stay in the embedded store."
  type        = string
  default     = ""
}

variable "metrics_target" {
  description = "The app's Prometheus page: unix:/path, or host:port."
  type        = string
  default     = "unix:/run/app/metrics.sock"
}

variable "checks" {
  description = "What the app needs to be ready: name => address, such as tcp://postgres:5432. No secrets."
  type        = map(string)
  default     = {}
  validation {
    condition     = alltrue([for address in values(var.checks) : !can(regex("://[^/@]*:[^/@]*@", address))])
    error_message = "An address with a password would be in the state: name a file in the configuration instead."
  }
}

variable "ack" {
  description = "When a door answers: `memory`, or `disk` once spans are on disk."
  type        = string
  default     = "memory"
  validation {
    condition     = contains(["memory", "disk"], var.ack)
    error_message = "ack is memory or disk."
  }
}

variable "memory_mib" {
  description = "MiB of telemetry in the process; the container gets twice as much, and at least 32."
  type        = number
  default     = 32
  validation {
    condition     = var.memory_mib >= 8 && var.memory_mib <= 4096
    error_message = "memory_mib is 8 to 4096."
  }
}

variable "port" {
  description = "Port of /metrics and the probes."
  type        = number
  default     = 9464
}

variable "secrets_folder" {
  description = "Folder in the container that secrets are mounted to (conf/secrets.md)."
  type        = string
  default     = "/run/secrets/oxpecker"
}
