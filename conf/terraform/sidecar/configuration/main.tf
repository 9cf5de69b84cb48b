# The agent's configuration, from what the workload says of itself. No provider is needed: `tofu apply` here prints it.
terraform {
  required_version = ">= 1.11"
}

locals {
  login = {
    user     = var.elasticsearch_user
    password = "$${file:${var.secrets_folder}/password}"
  }
  elasticsearch = merge(
    { url = var.elasticsearch_url, index = var.index },
    { for key, value in local.login : key => value if var.elasticsearch_user != "" },
  )
  logs_to   = { for name, options in { elasticsearch = local.elasticsearch } : name => options if options.url != "" }
  traces_to = { for name, url in { otlp = var.otlp_url } : name => url if url != "" }

  configuration = {
    service = { name = var.service }
    logs    = { collect = { tail = var.log_paths }, export = local.logs_to }
    traces  = { export = local.traces_to }
    metrics = { collect = { scrape = var.metrics_target } }
    health  = { checks = var.checks }
    receive = { otlp = { ack = var.ack } }
    memory  = "${var.memory_mib}MiB"
    listen  = ":${var.port}"
    state   = "/var/lib/oxpecker"
  }
}
