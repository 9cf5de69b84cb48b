# Vault's own agent beside the sidecar: it logs in, writes the file, and replaces it when the secret changes.
vault {
  address = "https://vault:8200"
}

auto_auth {
  method "approle" {
    config = {
      role_id_file_path   = "/etc/vault/role_id"
      secret_id_file_path = "/etc/vault/secret_id"
    }
  }
}

template_config {
  static_secret_render_interval = "1m" # how soon a change of a KV secret is seen
}

template {
  destination = "/run/secrets/oxpecker/password"
  perms       = "0440"
  contents    = "{{ with secret \"secret/data/oxpecker\" }}{{ .Data.data.password }}{{ end }}"
}
