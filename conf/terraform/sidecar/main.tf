# A Deployment of the app with oxpecker as a native sidecar (an init container that goes on): it starts before the app
# and ends after it, so that the last records of the app arrive.
module "configuration" {
  source = "./configuration"

  service            = var.name
  log_paths          = coalesce(var.telemetry.log_paths, ["/var/log/app/*.log"])
  elasticsearch_url  = try(coalesce(var.telemetry.elasticsearch_url), "")
  elasticsearch_user = try(coalesce(var.telemetry.elasticsearch_user), "")
  index              = coalesce(var.telemetry.index, "logs")
  otlp_url           = try(coalesce(var.telemetry.otlp_url), "")
  metrics_target     = coalesce(var.telemetry.metrics_target, "unix:/run/app/metrics.sock")
  checks             = coalesce(var.telemetry.checks, {})
  ack                = coalesce(var.telemetry.ack, "memory")
  memory_mib         = coalesce(var.telemetry.memory_mib, 32)
}

locals {
  port   = 9464
  labels = { "app.kubernetes.io/name" = var.name }
  # Both containers have these: the app writes, the sidecar reads and connects.
  shared = { logs = "/var/log/app", sockets = "/run/app" }
}

resource "kubernetes_config_map_v1" "sidecar" {
  metadata {
    name      = "${var.name}-oxpecker"
    namespace = var.namespace
    labels    = local.labels
  }
  data = { "oxpecker.yaml" = module.configuration.yaml }
}

resource "kubernetes_deployment_v1" "app" {
  metadata {
    name      = var.name
    namespace = var.namespace
    labels    = local.labels
  }

  spec {
    replicas = var.replicas
    selector {
      match_labels = local.labels
    }

    template {
      metadata {
        labels = local.labels
        annotations = {
          "prometheus.io/scrape" = "true"
          "prometheus.io/port"   = tostring(local.port)
          # Another configuration is another pod.
          "oxpecker/configuration" = sha256(module.configuration.yaml)
        }
      }

      spec {
        automount_service_account_token  = false
        termination_grace_period_seconds = 60

        security_context {
          run_as_non_root = true
          run_as_user     = 1001
          run_as_group    = 1001
          fs_group        = 1001
          seccomp_profile {
            type = "RuntimeDefault"
          }
        }

        init_container {
          name           = "oxpecker"
          image          = var.image
          restart_policy = "Always"
          args           = ["--config", "/etc/oxpecker/oxpecker.yaml"]

          port {
            name           = "telemetry"
            container_port = local.port
          }

          startup_probe {
            http_get {
              path = "/health/liveness"
              port = local.port
            }
            period_seconds    = 1
            failure_threshold = 60
          }
          liveness_probe {
            http_get {
              path = "/health/liveness"
              port = local.port
            }
          }

          resources {
            requests = { cpu = "20m", memory = "32Mi" }
            limits   = { memory = module.configuration.memory_limit }
          }

          security_context {
            allow_privilege_escalation = false
            read_only_root_filesystem  = true
            capabilities {
              drop = ["ALL"]
            }
          }

          volume_mount {
            name       = "configuration"
            mount_path = "/etc/oxpecker"
            read_only  = true
          }
          volume_mount {
            name       = "state"
            mount_path = "/var/lib/oxpecker"
          }
          dynamic "volume_mount" {
            for_each = local.shared
            content {
              name       = volume_mount.key
              mount_path = volume_mount.value
            }
          }
          dynamic "volume_mount" {
            for_each = var.secret == "" ? [] : [var.secret]
            content {
              name       = "secret"
              mount_path = "/run/secrets/oxpecker"
              read_only  = true
            }
          }
        }

        container {
          name  = "app"
          image = var.app.image

          port {
            name           = "http"
            container_port = var.app.port
          }

          dynamic "env" {
            for_each = merge(var.app.env, {
              OTEL_SERVICE_NAME           = var.name
              OTEL_EXPORTER_OTLP_ENDPOINT = "http://127.0.0.1:4318"
              OTEL_EXPORTER_OTLP_PROTOCOL = "http/protobuf"
            })
            content {
              name  = env.key
              value = env.value
            }
          }

          # What the app needs, as the sidecar sees it.
          readiness_probe {
            http_get {
              path = "/health/readiness"
              port = local.port
            }
          }

          resources {
            requests = { cpu = var.app.cpu, memory = var.app.memory }
            limits   = { memory = var.app.memory }
          }

          security_context {
            allow_privilege_escalation = false
            capabilities {
              drop = ["ALL"]
            }
          }

          dynamic "volume_mount" {
            for_each = local.shared
            content {
              name       = volume_mount.key
              mount_path = volume_mount.value
            }
          }
        }

        volume {
          name = "configuration"
          config_map {
            name = kubernetes_config_map_v1.sidecar.metadata[0].name
          }
        }
        volume {
          name = "state"
          empty_dir {
            size_limit = var.state_size
          }
        }
        dynamic "volume" {
          for_each = local.shared
          content {
            name = volume.key
            empty_dir {}
          }
        }
        dynamic "volume" {
          for_each = var.secret == "" ? [] : [var.secret]
          content {
            name = "secret"
            secret {
              secret_name  = volume.value
              default_mode = "0440"
            }
          }
        }
      }
    }
  }
}
