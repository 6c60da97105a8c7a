"""Where a scenario runs in containers: real Toxiproxy, backends of their own, real partitions.

`lab.py` is the lab process as the conductor sees it, `site.py` its containers and network, `cleaner.py`
the process that removes everything when the lab's own is killed. `containers.py` and `building.py`
talk to Docker, the one of containers, the other of images.
"""
