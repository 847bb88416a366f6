"""gunicorn's settings: one process, so that the counters of /metrics are whole, and a thread per request in work."""

import os

bind = os.environ.get("NASKAH_BIND", "0.0.0.0:8443")
worker_class = "gthread"
workers = 1
threads = 16
keepalive = 5
timeout = 30
graceful_timeout = 5
worker_tmp_dir = "/dev/shm"
certfile = os.environ.get("NASKAH_CERTIFICATE", "/etc/naskah/service.crt")
keyfile = os.path.join(os.environ["CREDENTIALS_DIRECTORY"], "service-key")
accesslog = None
errorlog = "-"
loglevel = "warning"
proc_name = "naskah"
