"""Django querysets, run by molt_sql or a molt-worker.

INSTALLED_APPS += ["molt_db_adapter.django"]
MOLT = {"default": {"DATABASE": "default", "WORKER": "inprocess", "TIMEOUT_MS": 2000}}

from molt_db_adapter.django import molt_offload, offload

@molt_offload
def items(request):
    return offload(Item.objects.filter(done=False).values("id", "title")).json_response()
"""

from ._decorator import molt_offload
from ._offload import Offloaded, offload
from ._response import OffloadedJsonResponse
from ._rows import Rows

__all__ = ["Offloaded", "OffloadedJsonResponse", "Rows", "molt_offload", "offload"]
