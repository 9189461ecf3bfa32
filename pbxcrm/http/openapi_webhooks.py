"""What REST's description says of webhooks."""

from pbxcrm.http.openapi_parts import Spec, answer, fields, in_path, operation, ref
from pbxcrm.http.openapi_schemas import ID, WEBHOOK_IN


def webhook_paths() -> Spec:
    """The addresses, and what may be asked there."""
    one, hook = in_path(ID), answer(ref("Webhook"), "The webhook")
    secret = {"type": "string", "pattern": "^[!-~]{16,128}$", "description": "Left out: we make one"}
    items = {"type": "array", "items": ref("Delivery")}
    every = {"type": "object", "properties": {"items": {"type": "array", "items": ref("Webhook")}}}
    last = {"type": "object", "properties": {"items": items}}
    return {
        "/webhooks": {
            "get": operation("Who outside is told; for managers", {"200": answer(every, "")}, 404),
            "post": operation(
                "Tell one more; the answer alone shows the secret",
                {"201": hook},
                *(404, 409),
                body=fields({**WEBHOOK_IN, "secret": secret}, ("url", "kinds")),
            ),
        },
        "/webhooks/{id}/test": {
            "post": operation("Tell it webhook.test, in its turn", {"202": hook}, 404, parameters=one)
        },
        "/webhooks/{id}/deliveries": {
            "get": operation("How the last deliveries went", {"200": answer(last, "")}, 404, parameters=one)
        },
        "/webhooks/{id}": {
            "get": operation("One webhook", {"200": hook}, 404, parameters=one),
            "patch": operation(
                "Change what is sent; `active` switches it",
                {"200": hook},
                404,
                parameters=one,
                body=fields({**WEBHOOK_IN, "active": {"type": "boolean"}}),
            ),
            "delete": operation("Tell it no more", {"204": {"description": "Done"}}, 404, parameters=one),
        },
    }
