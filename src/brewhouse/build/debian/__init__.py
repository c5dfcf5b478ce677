"""The debian builder: base images straight from a Debian mirror, as Docker's debian images are made."""
