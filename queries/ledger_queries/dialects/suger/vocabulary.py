"""The words that Suger's document lists. They are known, not closed: any other word is answered as it was recorded."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


PRIORITIES: Final = ("LOW", "MEDIUM", "HIGH", "CRITICAL")
"""What `priorities` may list. A recorded priority may be any other word."""

EVENT_STATUSES: Final = ("", "SCHEDULED", "PENDING", "DONE", "FAILED")

CHANNELS: Final = ("EMAIL", "SLACK", "SMS", "SNS", "SALESFORCE", "WEBHOOK", "SUGER_SUPPORT", "MICROSOFT_TEAMS")

ACTIONS: Final = _words(
    """
    ABNORMAL_ALERT ACCEPT ADD APPROVE CANCEL CLOSE CREATE DELETE DISBURSE END_SOON EXPIRE EXPIRE_SOON MERGE METER
    NEW_CLIENT_SIGNUP NOTIFY NOTIFY_CONTACTS OPEN_EMAIL PENDING_CANCEL PENDING_ACCEPTANCE REINSTATE REJECT REOPEN CHARGE
    REFUND ISSUE ROTATE_SECRET SUSPEND TEST UPDATE ACE_ENGAGEMENT_SCORE_UPDATE ACE_SALES_REP_UPDATE
    ACE_CUSTOMER_EMAIL_UPDATE SUBMIT_APPROVAL_REQUEST REVIEW_APPROVAL_REQUEST COMPLETE
    """
)

ENTITY_TYPES: Final = _words(
    """
    API_CLIENT AUDITING_EVENT AUTO_SHARE_TASK BUYER CONTACT ENTITLEMENT ENTITLEMENT_TERM HEADLESS_ENTITLEMENTS
    HUBSPOT_USER INTEGRATION INVOICE NEW_CLIENT NOTIFICATION_MESSAGE OFFER ORGANIZATION PAYMENT_TRANSACTION PRODUCT
    REFERRAL REVENUE_RECORD SUPPORT_TICKET UNPURCHASED_OFFERS USAGE_RECORD_GROUP USAGE_RECORD_REPORT USER WORKFLOW
    """
)

PARTNERS: Final = _words(
    """
    ADYEN ALIBABA AWS AWS_CHINA AZURE GCP GOOGLE HUBSPOT INTUIT LAGO MARKETO METRONOME MICROSOFT ORACLE ORB REDHAT
    SALESFORCE SLACK SNOWFLAKE STRIPE ZOHO
    """
)

OPEN_EMAIL: Final = "OPEN_EMAIL"
"""The only action of a track event."""


def _known(*words: str) -> object:
    """Return what a document says of a field with these words: examples, since others may come."""
    return Field(examples=list(words))


Action = Annotated[str, _known("", *ACTIONS)]
EventStatus = Annotated[str, _known(*EVENT_STATUSES)]
Channel = Annotated[str, _known(*CHANNELS)]
EntityType = Annotated[str, _known("", *ENTITY_TYPES)]
Partner = Annotated[str, _known("", *PARTNERS)]
Priority = Annotated[str, _known("", *PRIORITIES)]
