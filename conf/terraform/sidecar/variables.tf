variable "name" {
  description = "Name of the Deployment, its ConfigMap and its labels."
  type        = string
}

variable "namespace" {
  description = "Namespace that all of it is in."
  type        = string
}

variable "app" {
  description = "The app's container: its image, its port, its environment without secrets."
  type = object({
    image  = string
    port   = number
    env    = optional(map(string), {})
    cpu    = optional(string, "250m")
    memory = optional(string, "256Mi")
  })
}

variable "replicas" {
  description = "Pods of the Deployment."
  type        = number
  default     = 2
}

variable "image" {
  description = "The sidecar's image, by digest or version."
  type        = string
  validation {
    condition     = can(regex("(@sha256:[0-9a-f]{64}|:[^:/@]*[0-9][^:/@]*)$", var.image))
    error_message = "Name a version or a digest: what `latest` is changes under a running deployment."
  }
}

variable "telemetry" {
  description = "What is collected and where it goes: the variables of the module configuration, except service."
  type = object({
    log_paths          = optional(list(string))
    elasticsearch_url  = optional(string)
    elasticsearch_user = optional(string)
    index              = optional(string)
    otlp_url           = optional(string)
    metrics_target     = optional(string)
    checks             = optional(map(string))
    ack                = optional(string)
    memory_mib         = optional(number)
  })
  default = {}
}

variable "secret" {
  description = "A Kubernetes Secret with the key `password`, made elsewhere; its content is never read here. Empty: none."
  type        = string
  default     = ""
}

variable "state_size" {
  description = "Bytes of the emptyDir with positions, the spool and the embedded store: state.max, store.max and a spare."
  type        = string
  default     = "1536Mi"
}
