"""The values that Novu documents for its vocabularies. None is closed: what is recorded is answered, known or not."""

from __future__ import annotations

from typing import Final

STEP_TYPES: Final = (
    *("in_app", "email", "sms", "chat", "push"),
    *("digest", "trigger", "delay", "throttle", "custom"),
)
ORIGINS: Final = ("novu-cloud", "novu-cloud-v1", "external")
SEVERITIES: Final = ("high", "medium", "low", "none")
JOB_STATUSES: Final = (
    *("pending", "queued", "running", "completed", "failed"),
    *("delayed", "canceled", "merged", "skipped"),
)
DETAIL_STATUSES: Final = ("Success", "Warning", "Failed", "Pending", "Queued", "ReadConfirmation")
DETAIL_SOURCES: Final = ("Credentials", "Internal", "Payload", "Webhook")
FILTER_TYPES: Final = ("BOOLEAN", "TEXT", "DATE", "NUMBER", "STATEMENT", "LIST", "MULTI_LIST", "GROUP")
FILTER_VALUES: Final = ("AND", "OR")
FILTER_OPERATORS: Final = (
    *("LARGER", "SMALLER", "LARGER_EQUAL", "SMALLER_EQUAL", "EQUAL", "NOT_EQUAL", "ALL_IN", "ANY_IN", "NOT_IN"),
    *("BETWEEN", "NOT_BETWEEN", "LIKE", "NOT_LIKE", "IN"),
)
FILTER_SIDES: Final = ("subscriber", "payload")
DIGEST_TYPES: Final = ("regular", "backoff", "timed")
DIGEST_UNITS: Final = ("seconds", "minutes", "hours", "days", "weeks", "months")
WEEK_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ORDINALS: Final = ("1", "2", "3", "4", "5", "last")
ORDINAL_VALUES: Final = ("day", "weekday", "weekend", *WEEK_DAYS)
MONTHLY_TYPES: Final = ("each", "on")
PROVIDERS: Final = (
    "emailjs",
    "mailgun",
    "mailjet",
    "mandrill",
    "nodemailer",
    "postmark",
    "sendgrid",
    "sendinblue",
    "ses",
    "netcore",
    "infobip-email",
    "resend",
    "plunk",
    "mailersend",
    "mailtrap",
    "clickatell",
    "outlook365",
    "novu-email",
    "sparkpost",
    "email-webhook",
    "braze",
    "nexmo",
    "plivo",
    "sms77",
    "sms-central",
    "sns",
    "telnyx",
    "twilio",
    "gupshup",
    "firetext",
    "infobip-sms",
    "burst-sms",
    "bulk-sms",
    "isend-sms",
    "forty-six-elks",
    "kannel",
    "maqsam",
    "termii",
    "africas-talking",
    "novu-sms",
    "sendchamp",
    "generic-sms",
    "clicksend",
    "bandwidth",
    "messagebird",
    "simpletexting",
    "azure-sms",
    "ring-central",
    "brevo-sms",
    "eazy-sms",
    "mobishastra",
    "afro-message",
    "unifonic",
    "smsmode",
    "imedia",
    "sinch",
    "isendpro-sms",
    "fcm",
    "apns",
    "expo",
    "one-signal",
    "pushpad",
    "push-webhook",
    "pusher-beams",
    "appio",
    "novu",
    "slack",
    "discord",
    "msteams",
    "mattermost",
    "ryver",
    "zulip",
    "grafana-on-call",
    "getstream",
    "rocket-chat",
    "whatsapp-business",
    "chat-webhook",
    "novu-slack",
)
