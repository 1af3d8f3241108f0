"""Networks that timm does not have, one a file."""
