"""The application's settings: from the environment alone."""

import os

SECRET_KEY = "x"
EMAIL_HOST = os.environ["DJANGO_EMAIL_HOST"]
EMAIL_PORT = int(os.environ["DJANGO_EMAIL_PORT"])
EMAIL_HOST_USER = os.environ["DJANGO_EMAIL_HOST_USER"]
EMAIL_HOST_PASSWORD = os.environ["DJANGO_EMAIL_HOST_PASSWORD"]
EMAIL_USE_TLS = os.environ.get("DJANGO_EMAIL_USE_TLS") == "true"
EMAIL_USE_SSL = os.environ.get("DJANGO_EMAIL_USE_SSL") == "true"
DEFAULT_FROM_EMAIL = os.environ["DJANGO_EMAIL_FROM"]
