# shunt on every Nomad client, at the client's own port 443.
#   nomad var put nomad/jobs/shunt admin_token="$(openssl rand -hex 32)"
#   nomad job run deploy/nomad/shunt.nomad.hcl
job "shunt" {
  type = "system"

  update {
    max_parallel     = 1
    min_healthy_time = "10s"
    auto_revert      = true
  }

  group "shunt" {
    network {
      # The same number for TCP and UDP.
      port "edge" {
        static = 443
        to     = 8443
      }
      port "admin" {
        to = 9901
      }
    }

    service {
      provider = "nomad"
      name     = "shunt"
      port     = "edge"

      check {
        name     = "ready"
        type     = "http"
        port     = "admin"
        path     = "/readyz"
        interval = "5s"
        timeout  = "2s"
      }
    }

    service {
      provider = "nomad"
      name     = "shunt-admin"
      port     = "admin"

      check {
        name     = "alive"
        type     = "http"
        port     = "admin"
        path     = "/healthz"
        interval = "10s"
        timeout  = "5s"

        check_restart {
          limit = 3
          grace = "30s"
        }
      }
    }

    task "shunt" {
      driver = "docker"
      user   = "65532:65532"

      config {
        image           = "shunt:0.1.0"
        args            = ["run", "-c", "/local/config.yaml"]
        ports           = ["edge", "admin"]
        readonly_rootfs = true
        cap_drop        = ["ALL"]
      }

      # Time for clients to be sent elsewhere; then SIGTERM drains, for longer than drain_timeout.
      shutdown_delay = "10s"
      kill_signal    = "SIGTERM"
      kill_timeout   = "45s"

      template {
        destination   = "local/config.yaml"
        change_mode   = "signal"
        change_signal = "SIGHUP"
        data          = <<YAML
listeners:
  edge:
    bind: "0.0.0.0:8443"
    routes:
      - match: { protocol: [tls, quic], sni: ["*.example.com", example.com] }
        upstream: web
upstreams:
  web:
    # With maglev, every shunt sends a client to the same target, although they share nothing.
    balance: maglev
    targets:
    {{- range nomadService "web" }}
      - "{{ if regexMatch ":" .Address }}[{{ .Address }}]{{ else }}{{ .Address }}{{ end }}:{{ .Port }}"
    {{- else }}
      - "builtin:reset" # until one is registered
    {{- end }}
drain_timeout: 30s
# As many as the resources below allow for; "auto" takes one for each of the machine's cores but one.
workers: 2
log: { format: json }
admin:
  bind: "0.0.0.0:9901"
  token_file: /secrets/token
YAML
      }

      template {
        destination = "secrets/token"
        change_mode = "restart"
        perms       = "0400"
        uid         = 65532
        gid         = 65532
        data        = "{{ with nomadVar \"nomad/jobs/shunt\" }}{{ .admin_token }}{{ end }}"
      }

      resources {
        cpu        = 200
        memory     = 256
        memory_max = 1024
      }
    }
  }
}
