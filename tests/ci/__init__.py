"""Where people work: the GitHub Action, the GitLab component, the hooks and the image, run as far as can be here."""
