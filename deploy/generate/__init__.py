"""Made-up customers with their histories, valid in every store, loaded by COPY: for load tests and demonstrations."""
