"""What `docker-compose.yml` needs besides the services: secrets, signing keys and tokens, the databases."""
