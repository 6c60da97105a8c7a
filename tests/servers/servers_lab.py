"""Clients of two servers that nobody here wrote, as a user of the lab writes them down.

faultlab run --subject servers_lab.py:orders      nginx, from `nginx.sh`
faultlab run --subject servers_lab.py:httpbin     httpbin under gunicorn
"""

import sys

import httpx

from faultlab import op, subject

NGINX = {"command": "./nginx.sh", "ready": "GET /orders/7"}
GUNICORN = {
    "command": [
        *(sys.executable, "-m", "gunicorn", "--bind", "127.0.0.1:{port}"),
        *("--workers", "2", "--threads", "8", "--no-control-socket", "httpbin:app"),
    ],
    "ready": "GET /get",
}


@subject(services={"orders": NGINX}, contract="httpx")
def orders(urls):
    """Two files that nginx serves, and an order that it takes."""
    with httpx.Client(base_url=urls["orders"], timeout=1, trust_env=False) as http:
        yield {
            "read": op("GET /orders/{id}", http.get, "/orders/7"),
            "write": op("POST /orders", http.post, "/orders", json={"sku": "a"}),
        }


@subject(services={"httpbin": GUNICORN}, contract="httpx")
async def httpbin(urls):
    """What httpbin answers of itself."""
    async with httpx.AsyncClient(base_url=urls["httpbin"], timeout=1, trust_env=False) as http:
        yield {
            "read": op("GET /uuid", http.get, "/uuid"),
            "read.other": op("GET /get", http.get, "/get"),
            "write": op("POST /post", http.post, "/post", json={"sku": "a"}),
        }
