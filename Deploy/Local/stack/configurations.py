"""The configuration files of the servers that come from Debian."""

import os
import subprocess
from pathlib import Path

from . import files
from .programs import Plan
from .settings import ROOT


def redis(plan: Plan) -> str:
    port = plan.addresses("redis")[0].rpartition(":")[2]
    return f"""\
bind 127.0.0.1
port {port}
dir {plan.settings.run}/data/redis
daemonize no
# Redis mirrors what the log says and is written again after a loss: nothing of it is kept on disk, and nothing evicted.
appendonly no
save ""
maxmemory-policy noeviction
"""


def coturn(plan: Plan) -> str:
    settings = plan.settings
    loopback = ["allow-loopback-peers"] if settings.address.startswith("127.") else []
    first, last = plan.relay_ports
    return "\n".join([
        f"listening-ip={settings.address}",
        f"relay-ip={settings.address}",
        f"listening-port={plan.turn_port}",
        f"min-port={first}",
        f"max-port={last}",
        "realm=switchboard",
        "use-auth-secret",
        f"static-auth-secret={plan.secrets['turnSecret']}",
        "fingerprint",
        "user-quota=12",
        "total-quota=200",
        "no-tls",
        "no-dtls",
        "no-cli",
        "no-multicast-peers",
        "log-file=stdout",
        "simple-log",
        f"pidfile={settings.run}/coturn.pid",
        f"userdb={settings.run}/data/coturn.db",
        *loopback,
        "",
    ])


# Silence of a client longer than this ends its socket at the door; clients ping every 15 s.
SOCKET_SILENCE_SECONDS = 75


def nginx(plan: Plan) -> str:
    settings = plan.settings
    run = settings.run
    web = ROOT / "Clients/Web"
    token, rooms, calls, gateway, callbacks = (
        "token-service", "room-allocator", "call-orchestrator", "signaling-gateway", "callback-dispatcher")

    def upstream(service: str) -> str:
        servers = "".join(f" server {a} max_fails=0;" for a in plan.addresses(service))
        return f"    upstream {service} {{ least_conn;{servers} keepalive 32; }}\n"

    def to(service: str, *places: str) -> str:
        return "".join(f"        location {place} {{ proxy_pass http://{service}; }}\n" for place in places)

    # As root, workers keep root's rights: the pages may stand where nobody else may read.
    user = "user root;\n" if os.geteuid() == 0 else ""
    if settings.tls:
        listen = "".join(
            f"        listen {a}:{settings.port} ssl;\n" for a in dict.fromkeys([settings.address, "127.0.0.1"])) + (
            f"        ssl_certificate {run}/tls/certificate.pem;\n        ssl_certificate_key {run}/tls/key.pem;\n"
            "        ssl_protocols TLSv1.2 TLSv1.3;\n        ssl_session_cache shared:tls:2m;\n")
    else:
        listen = f"        listen {settings.address}:{settings.port};\n"
    return f"""\
{user}daemon off;
worker_processes auto;
worker_rlimit_nofile {settings.files_max};
pid {run}/nginx.pid;
error_log stderr warn;
events {{ worker_connections {min(16384, settings.files_max // 2)}; }}
http {{
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    access_log off;
    server_tokens off;
    sendfile on;
    tcp_nodelay on;
    client_body_temp_path {run}/nginx/body;
    proxy_temp_path {run}/nginx/proxy;
    fastcgi_temp_path {run}/nginx/fastcgi;
    uwsgi_temp_path {run}/nginx/uwsgi;
    scgi_temp_path {run}/nginx/scgi;
    client_max_body_size 1m;
    client_header_timeout 10s;
    client_body_timeout 30s;
    keepalive_timeout 60s;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
{"".join(upstream(s) for s in (token, rooms, calls, gateway, callbacks))}
    server {{
{listen}
        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        proxy_set_header Connection "";
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_connect_timeout 2s;
        proxy_read_timeout 30s;
        absolute_redirect off;

        location = /ws {{
            proxy_pass http://{gateway};
            # A gateway that goes away says so with 503; another one takes the client.
            proxy_next_upstream error timeout http_503;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_read_timeout {SOCKET_SILENCE_SECONDS}s;
            proxy_send_timeout {SOCKET_SILENCE_SECONDS}s;
            proxy_buffering off;
        }}
{to(gateway, "~ ^/v1/users/[^/]+/(presence|devices)(/|$)")}\
{to(calls, "~ ^/v1/users/[^/]+/call-logs$", "~ ^/v1/calls(/|$)", "/v1/client/calls/")}\
{to(rooms, "~ ^/v1/(rooms|sessions)(/|$)", "/rtc/", "/v2/rtc/")}\
{to(callbacks, "~ ^/v1/callbacks(/|$)")}\
{to(token, "/v4/", "/user/", "~ ^/v1/(applications|tokens)(/|$)", "~ ^/v1/users/[^/]+$", "= /v1/openapi.json")}\
{to(token, "= /demo/token", "= /demo/online")}
        location = / {{ return 302 /demo/; }}
        location = /demo {{ return 302 /demo/; }}
        location ~ ^/(demo|sdk|console)/ {{
            root {web};
            index index.html;
            add_header Cache-Control "no-cache";
        }}
        location / {{ return 404; }}
    }}
}}
"""


def certificate(folder: Path, address: str) -> None:
    """A certificate made by ourselves for the address, kept as long as it names it and has a day to live."""
    folder.mkdir(mode=0o700, exist_ok=True)
    path, key = folder / "certificate.pem", folder / "key.pem"
    if path.exists() and key.exists():
        checked = subprocess.run(
            ["openssl", "x509", "-in", path, "-noout", "-checkend", "86400", "-checkip", address],
            capture_output=True, text=True)
        if checked.returncode == 0 and "does match" in checked.stdout:
            return
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-keyout", key, "-out", path, "-days", "365", "-subj", "/CN=Switchboard",
         "-addext", f"subjectAltName=IP:{address},IP:127.0.0.1,DNS:localhost"],
        check=True, capture_output=True)
    os.chmod(key, 0o600)


def write_all(plan: Plan) -> None:
    settings, run = plan.settings, plan.settings.run
    for folder in ("nginx", "logs", "data", "data/redis", *(f"data/{p.name}" for p in plan.programs)):
        (run / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    if plan.of("redis"):
        files.write(run / "redis.conf", redis(plan))
    files.write(run / "coturn.conf", coturn(plan))
    files.write(run / "nginx.conf", nginx(plan))
    if settings.tls:
        certificate(run / "tls", settings.address)
