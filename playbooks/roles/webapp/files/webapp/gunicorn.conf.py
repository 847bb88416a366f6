"""gunicorn's settings: one process, so that the counters of /metrics are whole, and a thread per request in work."""

import os

bind = os.environ["WEBAPP_BIND"]
worker_class = "gthread"
workers = 1
threads = 8
keepalive = 5
timeout = 30
graceful_timeout = 5
worker_tmp_dir = "/dev/shm"
certfile = os.environ["WEBAPP_CERTIFICATE"]
keyfile = os.path.join(os.environ["CREDENTIALS_DIRECTORY"], "service-key")
accesslog = None
errorlog = "-"
loglevel = "warning"
proc_name = os.environ["WEBAPP_NAME"]
