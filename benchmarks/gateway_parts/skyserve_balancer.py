"""SkyServe's load balancer as it comes, run by the peers' interpreter with HOST PORT CONTROLLER_URL.

It knows no address to bind but 0.0.0.0; here it is bound to HOST, and nothing else about it is changed.
"""

import functools
import importlib
import sys


def main() -> None:
    """Serve until killed."""
    host, port, controller = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    uvicorn = importlib.import_module("uvicorn")
    run = uvicorn.run

    @functools.wraps(run)
    def run_here(app: object, **settings: object) -> None:
        run(app, **{**settings, "host": host})

    setattr(uvicorn, "run", run_here)  # noqa: B010 - the module is known at run time only
    balancer = importlib.import_module("sky.serve.load_balancer")
    balancer.run_load_balancer(controller, port)


if __name__ == "__main__":
    main()
