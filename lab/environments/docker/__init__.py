"""Where a scenario runs in containers: real Toxiproxy, backends of their own, real partitions."""
