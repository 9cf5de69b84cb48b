# An app with its sidecar, its database and its cache. Providers take their credentials from the environment.
terraform {
  required_version = ">= 1.11"
}

variable "subnets" {
  description = "Private subnets of the database and the cache."
  type        = list(string)
}

variable "security_groups" {
  description = "Security groups that let the pods in."
  type        = list(string)
}

module "surroundings" {
  source = "../surroundings"

  name            = "shop"
  subnets         = var.subnets
  security_groups = var.security_groups
}

module "shop" {
  source = "../sidecar"

  name      = "shop"
  namespace = "shop"
  image     = "registry.example.com/oxpecker:0.1.0"
  app       = { image = "registry.example.com/shop:1.4.2", port = 3000 }
  secret    = "shop-elasticsearch"

  telemetry = {
    elasticsearch_url  = "https://elasticsearch.logging:9200"
    elasticsearch_user = "shipper"
    otlp_url           = "http://jaeger.tracing:4318"
    ack                = "disk"
    checks = {
      database = "tcp://${module.surroundings.database}"
      cache    = "tcp://${module.surroundings.cache}:6379"
    }
  }
}
