"""The verbs of `dcops-exporter`, one module each with a typer `app`; `exporters/cli.py` lists them."""
