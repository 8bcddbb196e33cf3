"""What the server refuses, as the Messages API words it."""

from typing import Any

JSON = dict[str, Any]

TYPE_BY_STATUS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}


class Refused(Exception):
    """Ends a request with an HTTP status and an error body."""

    def __init__(self, status: int, message: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers or {}


def error_body(status: int, message: str, request_id: str) -> JSON:
    return {
        "type": "error",
        "error": {"type": TYPE_BY_STATUS.get(status, "api_error"), "message": message},
        "request_id": request_id,
    }


def invalid(message: str) -> Refused:
    return Refused(400, message)
