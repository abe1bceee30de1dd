"""Why mail does not arrive, and a test mail that does: `helmmail diagnose` and `helmmail send`."""
