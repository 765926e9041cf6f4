"""What the adapters of all frameworks share; imports none of them."""

from ._body import Rendered, to_json
from ._connections import Connections
from ._statuses import HttpProblem, problem_of

__all__ = ["Connections", "HttpProblem", "Rendered", "problem_of", "to_json"]
