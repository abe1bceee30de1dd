"""helmmail moves the mail settings of Helm-deployed applications to another SMTP provider."""

__version__ = "0.1.0"
