"""Mail settings: providers, dialects, and the blocks of settings that documents hold."""
