"""Which of a block's variables the settings module of a Django project takes; its source is read, never run."""
