"""Mail as the outside world sees it: DNS, blocklists, SMTP sessions and their replies, providers' APIs."""
