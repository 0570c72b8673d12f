"""Tells people how a nightly run went: by webhook, mail, Slack and whatever else apprise knows."""

from warehouse.notices.sending import Delivery, Notices, send_notices

__all__ = ["Delivery", "Notices", "send_notices"]
