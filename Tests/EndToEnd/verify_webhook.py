"""`python3 verify_webhook.py SECRET ID TIMESTAMP SIGNATURE < body`: 0 when the library `standardwebhooks` takes the webhook."""

import sys

from standardwebhooks import Webhook, WebhookVerificationError


def main() -> int:
    secret, identity, timestamp, signature = sys.argv[1:5]
    headers = {"webhook-id": identity, "webhook-timestamp": timestamp, "webhook-signature": signature}
    try:
        Webhook(secret).verify(sys.stdin.buffer.read(), headers)
    except WebhookVerificationError as refusal:
        print(f"refused: {refusal}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
