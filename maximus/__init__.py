"""The reference client of the MAXIMUS services: an async httpx SDK in resource style.

It knows nothing of the lab: no module here imports another room.
"""
